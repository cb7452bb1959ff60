"""Updates signed with a private key, SIG(0) (RFC 2931): dnssec-keygen makes it, roostctl takes its public half, nsupdate signs."""
import glob
import os
import socket
import struct
import subprocess
import tempfile

import dns.message
import dns.rcode
import pytest
import roost

HOST = roost.Home.host
GATE = 16  # wrong signatures of one source in a second: server/dns/sig0_gate.h


def make_key(algorithm="ECDSAP256SHA256", name=HOST, more=()):
    """The path of a new key's files, without their ending."""
    directory = tempfile.mkdtemp(prefix="key-", dir=roost.scratch)
    roost.run(["dnssec-keygen", "-q", "-K", directory, "-T", "KEY", "-n", "HOST", "-a", algorithm, *more, name])
    return glob.glob(f"{directory}/K*.key")[0][:-len(".key")]


def give(home, path, name=HOST, *options):
    home.server.ctl("key", "add", name, "--public", path + ".key", *options)
    home.server.ctl("grant", "add", home.zone, "update", "--key", name, "--name", "self", "--types", "A,AAAA")


def update(home, path, address, *options, name=HOST, status=0):
    return roost.nsupdate(home.server, [f"zone {home.zone}", f"update delete {name} A", f"update add {name} 60 A {address}"], "-k",
                          path + ".private", *options, status=status)


def capture(home, path, address):
    """What nsupdate sends, kept from the server."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.bind(("127.0.0.1", 0))
        udp.settimeout(roost.PATIENCE)
        script = [f"server 127.0.0.1 {udp.getsockname()[1]}", f"zone {home.zone}", f"update delete {HOST} A",
                  f"update add {HOST} 60 A {address}"]
        with tempfile.TemporaryDirectory(dir=roost.scratch) as directory:
            lines = os.path.join(directory, "lines")
            with open(lines, "w", encoding="ascii") as out:
                out.write("\n".join([*script, "send", ""]))
            nsupdate = subprocess.Popen(["nsupdate", "-k", path + ".private", lines])
            wire, sender = udp.recvfrom(65535)
            udp.sendto(wire[:2] + b"\xa8\0" + bytes(8), sender)
            nsupdate.wait()
        return wire


def ask(server, packet):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.settimeout(roost.PATIENCE)
        udp.connect((server.address, server.port))
        udp.send(packet)
        return udp.recv(65535)


def refused(home, packet, reason):
    """REFUSED, and one line says why."""
    lines = len(home.server.text().splitlines())
    answer = ask(home.server, packet)
    assert answer[3] & 15 == dns.rcode.REFUSED
    told = [line for line in home.server.text().splitlines()[lines:] if "update of" in line]
    assert len(told) == 1 and reason in told[0], told


@pytest.fixture
def home():
    return roost.Home()


@pytest.mark.parametrize("algorithm, more", [
    ("ECDSAP256SHA256", ()), ("ECDSAP384SHA384", ()), ("ED25519", ()), ("ED448", ()), ("RSASHA256", ("-b", "2048")),
    ("RSASHA512", ("-b", "4096"))], ids=lambda value: value if isinstance(value, str) else "")
def test_nsupdate(home, algorithm, more):
    path = make_key(algorithm, more=more)
    give(home, path)
    update(home, path, "192.0.2.1")
    update(home, path, "192.0.2.2", "-v")
    assert roost.values(home.server, HOST) == ["192.0.2.2"]
    home.server.restart()
    update(home, path, "192.0.2.3")
    assert roost.values(home.server, HOST) == ["192.0.2.3"]
    assert f"key {HOST}" in home.server.ctl("log", home.zone).stdout.splitlines()[0]


def test_grants_hold(home):
    path = make_key()
    give(home, path)
    assert "REFUSED" in update(home, path, "192.0.2.1", name="other.home.example", status=2).stderr
    assert roost.query(home.server, "other.home.example").rcode() == dns.rcode.NXDOMAIN
    # A key beside it of the same rights, a TSIG key: grants name the identity.
    key = roost.Key.parse(home.server.ctl("key", "add", "beside", "--identity", HOST).stdout)
    home.update(f"update add {HOST} 60 AAAA 2001:db8::1", key=key)
    home.server.ctl("key", "remove", HOST)
    assert "REFUSED" in update(home, path, "192.0.2.1", status=2).stderr


def test_who_is_not_known(home):
    path = make_key()
    refused(home, capture(home, path, "192.0.2.77"), "no such public key here; see roostctl key add --public")
    give(home, make_key())
    refused(home, capture(home, path, "192.0.2.77"), "by another key of that name")
    key = roost.Key.parse(home.server.ctl("key", "add", "secret.home.example").stdout)
    assert key.secret
    refused(home, capture(home, make_key(name="secret.home.example"), "192.0.2.77"), "no such public key here")
    assert roost.values(home.server, HOST) != ["192.0.2.77"]


def test_changed_on_its_way(home):
    path = make_key()
    give(home, path)
    wire = capture(home, path, "192.0.2.1")
    for octet in (wire.index(b"\xc0\0\2\1") + 3, len(wire) - 1):
        refused(home, wire[:octet] + bytes([wire[octet] ^ 1]) + wire[octet + 1:], "the SIG(0) is wrong")
    assert ask(home.server, wire)[3] & 15 == dns.rcode.NOERROR


def test_an_expired_key(home):
    path = make_key()
    give(home, path)
    update(home, path, "192.0.2.1")
    home.server.ctl("key", "expire", HOST, "2020-01-01")
    refused(home, capture(home, path, "192.0.2.2"), "the key has expired")


def test_replays(home):
    """Also under another signature record's TTL, which is not signed."""
    path = make_key()
    give(home, path)
    wire = capture(home, path, "192.0.2.1")
    assert ask(home.server, wire)[3] & 15 == dns.rcode.NOERROR
    update(home, path, "192.0.2.2")
    refused(home, wire, "this very message came before")
    ttl = wire.index(b"\0\0\x18\0\xff") + 5
    refused(home, wire[:ttl] + b"\0\0\0\7" + wire[ttl + 4:], "this very message came before")
    assert roost.values(home.server, HOST) == ["192.0.2.2"]


def test_queries_are_answered_as_unsigned(home):
    """Nobody's signature is looked at where nobody asks for it (RFC 2931 §3.1)."""
    wire = capture(home, make_key(), "192.0.2.1")
    record = wire[wire.index(b"\0\0\x18\0\xff"):]
    query = struct.pack("!6H", 7, 0, 1, 0, 0, 1) + dns.message.make_query(HOST, "A").to_wire()[12:] + record
    answer = dns.message.from_wire(ask(home.server, query))
    assert answer.rcode() == dns.rcode.NOERROR and answer.answer


def test_a_flood_of_wrong_ones_is_not_verified(home):
    """Behind so many wrong ones of a second, a good one from there is not looked at either; later it is."""
    path = make_key()
    give(home, path)

    def shut():
        wire = capture(home, path, "192.0.2.77")
        wrong = wire[:-1] + bytes([wire[-1] ^ 1])
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
            udp.settimeout(roost.PATIENCE)
            udp.connect((home.server.address, home.server.port))
            for number in range(GATE):
                udp.send(struct.pack("!H", number) + wrong[2:])
                assert udp.recv(65535)[3] & 15 == dns.rcode.REFUSED
            udp.send(wire)
            return udp.recv(65535)[3] & 15 == dns.rcode.REFUSED  # not if another second has begun
    roost.wait_until(shut)
    roost.wait_until(lambda: update(home, path, "192.0.2.78", status=None).returncode == 0)


def test_keys_of_roostctl(home, tmp_path):
    ctl, path = home.server.ctl, make_key()
    with open(path + ".key", encoding="ascii") as lines:
        record = [line for line in lines if not line.startswith(";")][0].split()
    give(home, path)
    assert f"{HOST} sig0 " in ctl("key", "list").stdout
    shown = ctl("key", "show", HOST).stdout.split()
    assert shown[:6] == record[:6] and shown[6] == "".join(record[6:])
    (tmp_path / "again.key").write_text(" ".join(shown) + "\n")
    ctl("key", "remove", HOST, "--force")
    ctl("key", "add", HOST, "--public", str(tmp_path / "again.key"))
    for command, reason in (
            (("key", "add", "other", "--public", path + ".key"), "has no KEY record of other"),
            (("key", "add", HOST, "--public", path + ".key"), "is there already"),
            (("key", "add", "x", "--public", str(tmp_path / "none")), "No such file"),
            (("key", "add", HOST, "--public", path + ".key", "--secret", "AAAA"), "without --algorithm and --secret"),
            (("peer", "add", home.zone, "127.0.0.1@5353", "--key", HOST), "is a sig0 key; secondaries need a TSIG key")):
        assert reason in ctl(*command, status=1).stderr, command
    zone_key = make_key(name="zone.home.example", more=())
    with open(zone_key + ".key", encoding="ascii") as lines:
        text = lines.read()
    (tmp_path / "zone.key").write_text(text.replace("KEY 512 ", "KEY 256 "))
    assert "dnssec-keygen -T KEY -n HOST" in ctl("key", "add", "zone.home.example", "--public", str(tmp_path / "zone.key"),
                                                 status=1).stderr
    (tmp_path / "cut.key").write_text(text[:-30])
    assert "is no public key" in ctl("key", "add", "zone.home.example", "--public", str(tmp_path / "cut.key"), status=1).stderr
