"""roostctl: the contract with scripts, with a server running and without, and the control socket against strangers."""
import json
import os
import socket
import struct
import subprocess
import threading
import time

import pytest

import roost

ZONE = "home.example"


@pytest.fixture
def db(tmp_path):
    path = str(tmp_path / "roost.db")
    roost.roostctl(path, "init", ZONE)
    return path


@pytest.fixture(params=["alone", "served"])
def ctl(request, db):
    """Every command must do the same with a server and without."""
    if request.param == "served":
        roost.Roostd(db)

    def run(*args, status=0, **more):
        done = roost.roostctl(db, *args, status=status, **more)
        if status:
            lines = done.stderr.splitlines()
            assert len(lines) == 1 and lines[0].startswith("roostctl: "), done.stderr
        return done
    run.db = db
    run.served = request.param == "served"
    return run


def records(ctl, *args):
    return ctl("record", "list", ZONE, *args).stdout.splitlines()


# ---- init ----

def test_init_is_idempotent_and_prints_the_key(tmp_path):
    path = str(tmp_path / "new.db")
    assert roost.roostctl(path, "init").stdout == ""
    first = roost.roostctl(path, "init", ZONE).stdout
    roost.roostctl(path, "init")
    assert roost.roostctl(path, "init", ZONE + ".").stdout == first
    assert os.stat(path).st_mode & 0o777 == 0o600
    key = roost.Key.parse(first)
    assert key.name == "key.home.example" and key.algorithm == "hmac-sha256"
    server = roost.Roostd(path)
    assert roost.roostctl(path, "init", ZONE).stdout == first
    roost.roostctl(path, "init", "other.example")
    assert roost.serial(server, "other.example") == 1


def test_the_printed_key_works_for_nsupdate_and_transfer(db, tmp_path):
    server = roost.Roostd(db)
    key_file = tmp_path / "key"
    key_file.write_text(roost.roostctl(db, "init", ZONE).stdout)
    roost.nsupdate(server, f"zone {ZONE}\nupdate delete home.{ZONE} A\nupdate add home.{ZONE} 60 A 192.0.2.77", "-k", key_file)
    assert roost.values(server, f"home.{ZONE}") == ["192.0.2.77"]
    assert roost.serial(server, ZONE) == 2
    entry = json.loads(roost.roostctl(db, "log", ZONE, "--json").stdout)[0]
    assert (entry["serial"], entry["from"], entry["transport"]) == (2, 1, "udp")
    assert "key.home.example" in entry["actor"]
    assert roost.axfr(server, ZONE, roost.Key.parse(key_file.read_text()))


# ---- records ----

def test_records(ctl):
    ctl("record", "add", ZONE, "nas", "A", "192.0.2.9", ",", "192.0.2.10")
    assert records(ctl, "nas") == ["nas.home.example.\t300\tIN\tA\t192.0.2.9", "nas.home.example.\t300\tIN\tA\t192.0.2.10"]
    ctl("record", "set", ZONE, "nas.home.example", "1h", "A", "192.0.2.11")
    assert records(ctl, "nas", "A") == ["nas.home.example.\t3600\tIN\tA\t192.0.2.11"]
    assert "nothing changed" in ctl("record", "set", ZONE, "nas", "A", "192.0.2.11").stdout
    ctl("record", "add", ZONE, "t", "TXT", "v=spf1 -all; yes", 'say "hi"')
    assert records(ctl, "t") == ['t.home.example.\t300\tIN\tTXT\t"v=spf1 -all; yes" "say \\"hi\\""']
    ctl("record", "add", ZONE, "long", "TXT", "x" * 300)
    assert records(ctl, "long") == [f'long.home.example.\t300\tIN\tTXT\t"{"x" * 255}" "{"x" * 45}"']
    ctl("record", "add", ZONE, "m", "MX", "10", "mail.example.net")
    assert records(ctl, "m") == ["m.home.example.\t300\tIN\tMX\t10 mail.example.net."]
    ctl("record", "add", ZONE, "dash", "TXT", "--", "--json")
    assert records(ctl, "dash") == ['dash.home.example.\t300\tIN\tTXT\t"--json"']
    ctl("record", "delete", ZONE, "nas", "A", "192.0.2.11")
    ctl("record", "list", ZONE, "nas", status=1)
    ctl("record", "delete", ZONE, "t")


@pytest.mark.parametrize("command", [
    ("add", "www", "A", "192.0.2.1"), ("set", "home", "CNAME", "www"), ("set", "www", "CNAME", "a", ",", "b"), ("delete", "@"),
    ("delete", "@", "SOA"), ("delete", "@", "NS"), ("delete", "nix"), ("delete", "home", "TXT"), ("add", "x", "A", "1.2.3"),
    ("add", "x", "FOO", "bar"), ("add", "x.example.net.", "A", "192.0.2.1"), ("add", "a..b", "A", "192.0.2.1"),
    ("add", "x", "A", "\udcff")])
def test_a_refused_change_is_one_line_and_changes_nothing(ctl, command):
    before = ctl("zone", "export", ZONE).stdout
    ctl("record", command[0], ZONE, *command[1:], status=1)
    assert ctl("zone", "export", ZONE).stdout == before


# ---- zones ----

def test_export_imports_again(ctl, tmp_path):
    ctl("record", "add", ZONE, "odd\\.name", "TXT", "\\001\"")
    exported = ctl("zone", "export", ZONE).stdout
    assert "\tSOA\t" in exported.splitlines()[0]
    file = tmp_path / "home.zone"
    file.write_text(exported)
    assert "nothing changed" in ctl("zone", "import", ZONE, file).stdout
    ctl("zone", "remove", ZONE)
    ctl("zone", "export", ZONE, status=1)
    assert ctl("zone", "list").stdout == ""
    ctl("zone", "import", ZONE, "-", input=exported)
    assert ctl("zone", "export", ZONE).stdout == exported
    assert ctl("zone", "list").stdout == f"{ZONE} 2 primary\n"
    assert "serial   2\n" in ctl("zone", "show", ZONE).stdout


def test_a_bad_zone_file_names_file_line_and_reason(ctl, tmp_path):
    before = ctl("zone", "export", ZONE).stdout
    file = tmp_path / "bad.zone"
    file.write_bytes(b"@ 60 SOA ns h 1 2 3 4 5\n@ 60 NS ns\nns 60 A 192.0.2.\xff\n")
    assert f"{file}:3" in ctl("zone", "import", ZONE, file, status=1).stderr
    assert "no-such-file" in ctl("zone", "import", ZONE, tmp_path / "no-such-file", status=1).stderr
    ctl("zone", "import", ZONE, tmp_path, status=1)
    assert ctl("zone", "export", ZONE).stdout == before


def test_check(ctl, tmp_path):
    ctl("zone", "check", ZONE)
    file = tmp_path / "x"
    file.write_text("$ORIGIN x.example.\n@ 60 SOA ns h 1 7200 900 1209600 60\n@ 60 NS ns\n")
    done = ctl("zone", "check", file, status=1)
    assert "fault: " in done.stdout
    file.write_text("@ 60 SOA ns h 1 7200 900 1209600 60\n@ 60 NS ns\nns 60 A 192.0.2.1\n")
    ctl("zone", "check", file, status=1)
    ctl("zone", "check", file, "x.example")
    roost.run([os.path.join(roost.BUILD, "roostctl"), "zone", "check", file, "x.example"])


# ---- keys, grants, peers ----

def test_keys_grants_and_peers(ctl):
    key = roost.Key.parse(ctl("key", "add", "nas").stdout)
    assert roost.Key.parse(ctl("key", "show", "NAS.").stdout) == key
    given = roost.Key.parse(ctl("key", "add", "old", "--algorithm", "hmac-md5", "--secret=c2VjcmV0").stdout)
    assert (given.algorithm, given.secret) == ("hmac-md5", "c2VjcmV0")
    ctl("key", "add", "nas", status=1)
    number = ctl("grant", "add", ZONE, "update", "--key", "nas", "--name", "nas", "--types", "A,AAAA").stdout.split()[1]
    assert f"{number} {ZONE} update --key nas --name nas.{ZONE} --types A,AAAA\n" in ctl("grant", "list", ZONE).stdout
    explain = ["grant", "explain", ZONE, "update", "--key", "nas", "--name"]
    assert f"grant {number}" in ctl(*explain, "nas", "--types", "A").stdout
    ctl(*explain, "nas", "--types", "TXT", status=1)
    ctl(*explain, "home", "--types", "A", status=1)
    ctl("grant", "add", ZONE, "update", "--key", "nope", status=1)
    ctl("grant", "add", "nope.example", "update", "--key", "nas", status=1)
    ctl("grant", "add", ZONE, "update", status=2)
    ctl("key", "remove", "nas", status=1)
    ctl("grant", "remove", number)
    ctl("grant", "remove", number, status=1)
    ctl("peer", "add", ZONE, "127.0.0.1@5301", "--key", "nas")
    ctl("peer", "add", ZONE, "127.0.0.1@5301", status=1)
    assert ctl("peer", "list").stdout == f"{ZONE} 127.0.0.1@5301 --key nas\n"
    ctl("key", "remove", "nas", "--force")
    assert ctl("peer", "list", ZONE).stdout == ""
    assert "nas " not in ctl("key", "list").stdout


def test_a_running_server_follows_keys_and_grants(db):
    server = roost.Roostd(db)
    key = roost.Key.parse(roost.roostctl(db, "key", "add", "nas").stdout)
    change = f"zone {ZONE}\nupdate add nas.{ZONE} 60 A 192.0.2.9"
    roost.nsupdate(server, change, key=key, status=2)
    roost.roostctl(db, "grant", "add", ZONE, "update", "--key", "nas", "--name", "nas")
    roost.nsupdate(server, change, key=key)
    assert roost.values(server, f"nas.{ZONE}") == ["192.0.2.9"]
    roost.roostctl(db, "key", "remove", "nas", "--force")
    roost.nsupdate(server, change.replace(".9", ".10"), key=key, status=2)


# ---- history ----

def test_history(ctl):
    ctl("record", "set", ZONE, "home", "A", "192.0.2.50")
    ctl("record", "delete", ZONE, "www")
    log = json.loads(ctl("log", ZONE, "--json").stdout)
    assert [entry["serial"] for entry in log] == [3, 2, 1]
    assert (log[1]["deleted"], log[1]["added"], log[1]["transport"]) == (1, 1, "control" if ctl.served else "local")
    assert ctl("log", ZONE).stdout.splitlines()[0].startswith("3 ")
    forth, back = ctl("diff", ZONE, "1", "3").stdout.splitlines(), ctl("diff", ZONE, "3", "1").stdout.splitlines()
    assert "-home.home.example.\t60\tIN\tA\t192.0.2.1" in forth and "+home.home.example.\t60\tIN\tA\t192.0.2.50" in forth
    assert "-www.home.example.\t3600\tIN\tCNAME\thome.home.example." in forth
    assert sorted(back) == sorted(("+" if line[0] == "-" else "-") + line[1:] for line in forth)
    assert ctl("revert", ZONE, "1").stdout == f"{ZONE}: serial 4\n"
    assert ctl("diff", ZONE, "1", "4").stdout.count("\n") == 2  # only the SOA
    ctl("diff", ZONE, "1", "99", status=1)
    ctl("diff", ZONE, "1", "x", status=2)
    ctl("revert", ZONE, "99", status=1)
    ctl("revert", "nope.example", "1", status=1)


def test_a_change_through_the_socket_is_served_when_roostctl_returns(db):
    server = roost.Roostd(db)
    for i in range(20):
        roost.roostctl(db, "record", "set", ZONE, "home", "A", f"192.0.2.{i + 1}")
        assert roost.values(server, f"home.{ZONE}") == [f"192.0.2.{i + 1}"]
    roost.roostctl(db, "zone", "remove", ZONE)
    assert roost.serial(server, ZONE) is None


def test_many_at_once(db):
    server = roost.Roostd(db)
    statuses = []

    def add(i):
        statuses.append(roost.roostctl(db, "record", "add", ZONE, f"h{i}", "A", "192.0.2.1").returncode)
    threads = [threading.Thread(target=add, args=(i,)) for i in range(24)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses == [0] * 24
    assert roost.serial(server, ZONE) == 25


def test_without_a_server_they_wait_for_each_other(db):
    running = [subprocess.Popen([os.path.join(roost.BUILD, "roostctl"), "-d", db, "record", "add", ZONE, f"h{i}", "A", "192.0.2.1"],
                                stdout=subprocess.DEVNULL, env=roost.sanitizers.environment()) for i in range(6)]
    assert [one.wait(roost.PATIENCE) for one in running] == [0] * 6
    assert roost.roostctl(db, "zone", "list").stdout == f"{ZONE} 7 primary\n"


# ---- the server ----

def test_status_and_stop(db):
    assert "no server runs" in roost.roostctl(db, "status", status=1).stderr
    assert "no server runs" in roost.roostctl(db, "stop", status=1).stderr
    server = roost.Roostd(db)
    status = json.loads(roost.roostctl(db, "status", "--json").stdout)
    assert status["pid"] == server.popen.pid
    assert status["listen"] == [f"{server.address}@{server.port}"]
    assert status["zones"][0]["zone"] == ZONE and status["zones"][0]["serial"] == 1
    assert f"zone {ZONE} serial 1 primary" in roost.roostctl(db, "status").stdout
    roost.roostctl(db, "stop")
    roost.roostctl(db, "record", "add", ZONE, "nas", "A", "192.0.2.9")  # the lock is free at once
    assert server.popen.wait(roost.PATIENCE) == 0
    assert not os.path.exists(db + ".sock")
    server.stop()


def test_status_says_how_telling_a_secondary_goes(db):
    server = roost.Roostd(db)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        peer.bind(("127.0.0.1", 0))
        peer.settimeout(roost.PATIENCE)
        address = f"127.0.0.1@{peer.getsockname()[1]}"
        roost.roostctl(db, "peer", "add", ZONE, address)
        notify, source = peer.recvfrom(4096)

        def state():
            return json.loads(roost.roostctl(db, "status", "--json").stdout)["peers"][0]
        assert (state()["address"], state()["waiting"], state()["told"]) == (address, True, None)
        peer.sendto(notify[:2] + bytes([notify[2] | 0x80]) + notify[3:], source)
        roost.wait_until(lambda: state()["told"] == 1, what="the answer to the NOTIFY in the status")
    assert f"peer {ZONE} {address} told of serial 1" in roost.roostctl(db, "status").stdout
    server.stop()


def test_after_a_crash_the_socket_left_over_does_no_harm(db):
    server = roost.Roostd(db)
    server.kill()
    assert os.path.exists(db + ".sock")
    assert "no server runs" in roost.roostctl(db, "status", status=1).stderr
    roost.roostctl(db, "record", "add", ZONE, "nas", "A", "192.0.2.9")
    server.start()
    assert roost.values(server, f"nas.{ZONE}") == ["192.0.2.9"]
    roost.roostctl(db, "status")


def test_command_lines_that_are_wrong(db, tmp_path):
    for args in [["nope"], ["zone"], ["zone", "import", ZONE], ["record", "add", ZONE, "x", "A"], ["zone", "list", "x"],
                 ["zone", "list", "--json"], ["zone", "list", "--frob"], ["key", "add", "x", "--secret"], []]:
        done = roost.roostctl(db, *args, status=2)
        assert len(done.stderr.splitlines()) == 1 and done.stdout == ""
    program = os.path.join(roost.BUILD, "roostctl")
    roost.run([program, "zone", "list"], status=2)
    assert "--json" in roost.run([program, "--help"]).stdout
    assert "zone import ZONE FILE" in roost.run([program, "zone", "import", "--help"]).stdout
    roost.run([program, "--version"])
    assert "missing.db" in roost.roostctl(tmp_path / "missing.db", "zone", "list", status=1).stderr
    (tmp_path / "text").write_text("this is not a database, but it is long enough to be looked at " * 20)
    for command in [["zone", "list"], ["init"], ["record", "add", ZONE, "x", "A", "192.0.2.1"]]:
        assert len(roost.roostctl(tmp_path / "text", *command, status=1).stderr.splitlines()) == 1
    with open("/dev/full", "wb") as full:
        done = subprocess.run([program, "-d", db, "zone", "export", ZONE], stdout=full, stderr=subprocess.PIPE, check=False,
                              env=roost.sanitizers.environment())
    assert done.returncode == 1 and done.stderr


# ---- strangers at the socket ----

def converse(db, octets, shut=True):
    """What the server sends until it closes."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(roost.PATIENCE)
        client.connect(db + ".sock")
        try:
            client.sendall(octets)
            if shut:
                client.shutdown(socket.SHUT_WR)
            answer = b""
            while True:
                more = client.recv(65536)
                if not more:
                    return answer
                answer += more
        except ConnectionError:
            return answer if "answer" in locals() else b""


def frame(text):
    octets = text if isinstance(text, bytes) else text.encode()
    return struct.pack("!I", len(octets)) + octets


def test_hostile_clients_of_the_control_socket(db):
    server = roost.Roostd(db)
    assert os.stat(db + ".sock").st_mode & 0o777 == 0o600
    for octets in [b"", b"\0", b"\0\0\0\0", b"\xff\xff\xff\xff" + b"x" * 1000, b"\x01\0\0\x01{}", b"GET / HTTP/1.1\r\n\r\n",
                   frame("{}")[:-1], struct.pack("!I", 1 << 24) + b"{", os.urandom(5000)]:
        assert converse(db, octets) == b""
    for text in ["hello", "[]", "{}", '{"cmd":[]}', '{"cmd":"zone import","zone":"x","file_name":"/etc/passwd"}', b"\xff\xfe",
                 "[" * 5000, '{"cmd":"stop","cmd":"stop"}', '{"cmd":"record add","zone":"home.example","name":"x","type":"A","data":' +
                 json.dumps(["192.0.2.1x"] * 3) + "}"]:
        answer = converse(db, frame(text))
        assert json.loads(answer[4:])["ok"] is False, text
    two = converse(db, frame('{"cmd":"status"}') + frame('{"cmd":"nope"}'))
    (length,) = struct.unpack("!I", two[:4])
    assert json.loads(two[4:4 + length])["ok"] is True and json.loads(two[8 + length:])["ok"] is False
    assert roost.serial(server, ZONE) == 1


def test_descriptors_that_nobody_asked_for_are_closed(db):
    server = roost.Roostd(db)
    roost.roostctl(db, "status")  # SQLite keeps the descriptor of a closed reader for the next one
    count = len(os.listdir(f"/proc/{server.popen.pid}/fd"))
    for _ in range(20):
        with socket.socket(socket.AF_UNIX) as client, open("/dev/null", "rb") as null:
            client.connect(db + ".sock")
            socket.send_fds(client, [frame('{"cmd":"status"}')], [null.fileno()] * 3)
            client.recv(65536)
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(db + ".sock")
        read, write = os.pipe()
        socket.send_fds(client, [frame('{"cmd":"zone import","zone":"home.example","file_name":"pipe"}')], [read])
        assert b"not a regular file" in client.recv(65536)
        os.close(read)
        os.close(write)
    roost.wait_until(lambda: len(os.listdir(f"/proc/{server.popen.pid}/fd")) <= count, what="descriptors closed")


def test_silent_clients_keep_nobody_out_for_long(db):
    """16 connections that say nothing are all there may be; the server goes on, and so does stopping it."""
    server = roost.Roostd(db)
    silent = []
    for _ in range(30):
        client = socket.socket(socket.AF_UNIX)
        client.connect(db + ".sock")
        silent.append(client)
    assert roost.values(server, f"home.{ZONE}") == ["192.0.2.1"]
    for client in silent:
        client.close()
    roost.roostctl(db, "status")
    late = socket.socket(socket.AF_UNIX)
    late.connect(db + ".sock")
    late.sendall(b"\0\0")
    start = time.monotonic()
    server.stop()
    assert time.monotonic() - start < roost.PATIENCE
    late.close()


def test_a_client_that_leaves_before_the_answer(db):
    server = roost.Roostd(db)
    for i in range(10):
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(db + ".sock")
            client.sendall(frame(json.dumps({"cmd": "record add", "zone": ZONE, "name": f"h{i}", "type": "A", "data": ["192.0.2.1"]})))
    roost.wait_until(lambda: roost.serial(server, ZONE) == 11, what="ten changes whose clients are gone")
