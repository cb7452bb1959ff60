"""Faults of the disk and of the database file, under a real roostd: what was acknowledged stays, what was not is not there, serving goes on,
the serial never goes back, and the log says what to do."""
import json
import os
import resource
import shutil
import signal
import socket
import sqlite3
import subprocess
import tempfile
import time

import dns.message
import dns.query
import dns.rcode
import dns.update
import pytest
import roost

TTL = 60


class Stream:
    """Signed updates one by one, each adding one name with a text as long as `octets`; remembers what became of each."""

    def __init__(self, home, octets=220):
        self.home, self.octets, self.count = home, octets, 0
        self.acked, self.refused = [], []
        self.serial = home.serial()

    def send(self):
        """Sends one; its RCODE. None: no answer."""
        label = f"t{self.count}"
        self.count += 1
        update = dns.update.UpdateMessage(self.home.zone, keyring=self.home.key.dnspython())
        update.add(label, TTL, "TXT", label.ljust(self.octets, "x"))
        answer = dns.query.udp(update, "127.0.0.1", port=self.home.server.port, timeout=20)
        rcode = answer.rcode()
        (self.acked if rcode == dns.rcode.NOERROR else self.refused).append(label)
        return rcode

    def send_until(self, wanted, limit=20000):
        for _ in range(limit):
            rcode = self.send()
            if rcode == wanted:
                return
            assert rcode in (dns.rcode.NOERROR, dns.rcode.SERVFAIL), dns.rcode.to_text(rcode)
        raise AssertionError(f"no {dns.rcode.to_text(wanted)} in {limit} updates")

    def check(self):
        """The zone is exactly what was acknowledged, and the serial only went forward."""
        serial = self.home.serial()
        assert serial is not None and serial >= self.serial, f"serial {self.serial} became {serial}"
        self.serial = serial
        there = {owner.split(".")[0] for owner, _, rdtype, _ in roost.axfr(self.home.server, self.home.zone, self.home.key)
                 if rdtype == "TXT" and owner.startswith("t")}
        assert there == set(self.acked), f"lost {set(self.acked) - there}, unasked {there - set(self.acked)}"


def check_integrity(db):
    with sqlite3.connect(db) as handle:
        assert handle.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert handle.execute("PRAGMA foreign_key_check").fetchall() == []
        versions = handle.execute("SELECT serial_from, serial_to FROM change WHERE serial_to IS NOT NULL ORDER BY id").fetchall()
    handle.close()
    assert all(before[1] == after[0] for before, after in zip(versions, versions[1:])), "the journal has a gap"


def home_in(directory):
    """A Home whose database is in that directory."""
    home = roost.Home.__new__(roost.Home)
    home.db = os.path.join(directory, "roost.db")
    home.key = roost.Key.parse(roost.roostctl(home.db, "init", home.zone).stdout)
    home.server = roost.Roostd(home.db, start=False)
    home.server.directory = tempfile.mkdtemp(prefix="log-", dir=roost.scratch)  # its log is not on the small disk
    home.server.log = os.path.join(home.server.directory, "roostd.log")
    home.server.start()
    return home


def test_disk_full(small_disk):
    ballast = os.path.join(small_disk, "ballast")
    with open(ballast, "wb") as out:
        out.write(bytes(1 << 20))
    home = home_in(small_disk)
    stream = Stream(home)
    stream.send_until(dns.rcode.SERVFAIL)
    assert len(stream.acked) > 50, "a disk of 2 MiB is full far too soon"
    for _ in range(20):
        stream.send()
    stream.check()
    assert "free some space" in home.server.text() and "no restart is needed" in home.server.text()
    assert roost.values(home.server, "ns1.home.example") != []

    os.remove(ballast)
    assert stream.send() == dns.rcode.NOERROR, f"space is there again:\n{home.server.tail(5)}"
    for _ in range(20):  # at some 30 KiB of WAL each they fit even if no checkpoint comes in between
        assert stream.send() == dns.rcode.NOERROR
    stream.check()

    stream.send_until(dns.rcode.SERVFAIL)  # full again: and now a crash
    home.server.kill()
    home.server.start()
    stream.check()
    stream.send()
    home.server.stop()  # no room for the last checkpoint either
    home.server.start()
    stream.check()
    home.server.stop()
    copy = shutil.copytree(small_disk, os.path.join(roost.scratch, "copy"))
    check_integrity(os.path.join(copy, "roost.db"))


def test_wal_may_not_grow():
    """A limit of the process instead of the disk, and one that only the WAL meets: its content goes into the database file, and on it goes."""
    home = roost.Home(start=False)
    home.server.directory = tempfile.mkdtemp(prefix="log-", dir=roost.scratch)
    home.server.start()
    limit = 600 << 10
    resource.prlimit(home.server.popen.pid, resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
    stream = Stream(home, octets=20)
    for _ in range(400):  # at six pages each far more than the limit
        assert stream.send() == dns.rcode.NOERROR, home.server.tail(5)
    assert os.path.getsize(home.db + "-wal") <= limit
    stream.check()
    home.server.stop()
    check_integrity(home.db)


def test_no_file_may_grow():
    home = roost.Home()
    stream = Stream(home)
    for _ in range(20):
        assert stream.send() == dns.rcode.NOERROR
    size = os.path.getsize(home.db + "-wal")
    resource.prlimit(home.server.popen.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
    stream.send_until(dns.rcode.SERVFAIL)
    stream.check()
    resource.prlimit(home.server.popen.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    assert stream.send() == dns.rcode.NOERROR
    stream.check()
    home.server.kill()
    home.server.start()
    stream.check()
    home.server.stop()
    check_integrity(home.db)


def test_somebody_else_writes():
    """A program in a write transaction holds updates up for some seconds; then they get SERVFAIL, and the next is as ever."""
    home = roost.Home()
    stream = Stream(home)
    assert stream.send() == dns.rcode.NOERROR
    other = sqlite3.connect(home.db, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    assert stream.send() == dns.rcode.SERVFAIL
    assert roost.values(home.server, "ns1.home.example") != []
    assert "let no other program write" in home.server.text()
    other.execute("ROLLBACK")
    other.close()
    assert stream.send() == dns.rcode.NOERROR
    stream.check()


def test_a_reader_that_stays():
    """A transaction that reads for long delays nobody and sees its own version."""
    home = roost.Home()
    stream = Stream(home)
    other = sqlite3.connect(home.db, isolation_level=None)
    other.execute("BEGIN")
    before = other.execute("SELECT count(*) FROM rrset").fetchone()
    for _ in range(300):
        assert stream.send() == dns.rcode.NOERROR
    assert other.execute("SELECT count(*) FROM rrset").fetchone() == before
    other.execute("COMMIT")
    other.close()
    stream.check()
    home.server.stop()
    check_integrity(home.db)


# ---- at the start ----

def start_fails(*words):
    """roostd says in one line why it does not start, and exits with 1. The first word is the database or a zone."""
    db = words[0] if os.path.isabs(words[0]) else database.last
    begun = time.monotonic()
    done = roost.run([os.path.join(roost.BUILD, "roostd"), "-d", db, "-l", f"127.0.0.1@{roost.free_port()}"], status=1)
    assert time.monotonic() - begun < 20
    lines = [line for line in done.stderr.splitlines() if " error " in line]
    assert len(lines) == 1, done.stderr
    for word in words:
        assert word in lines[0], done.stderr
    assert "ready" not in done.stderr


def database():
    database.last = roost.Home(start=False).db
    return database.last


def script(db, *statements):
    handle = sqlite3.connect(db, isolation_level=None)
    for statement in statements:
        handle.execute(statement)
    handle.close()


def test_start_on_what_is_no_database():
    db = database()
    start_fails(os.path.join(roost.scratch, "nothing.db"), "no database", "roostctl")
    with open(db, "wb") as out:
        out.write(b"this is no database\n" * 1000)
    start_fails(db, "not a database")
    with open(db, "wb"):
        pass
    start_fails(db, "empty", "init")
    os.remove(db)
    os.mkdir(db)
    start_fails(db, "not a file")


def test_start_on_a_foreign_or_newer_database():
    db = database()
    script(db, "PRAGMA user_version = 1000")
    start_fails(db, "newer Roost")
    script(db, "PRAGMA user_version = 1", "PRAGMA application_id = 1")
    start_fails(db, "another program")


def test_start_on_a_locked_database():
    db = database()
    other = sqlite3.connect(db, isolation_level=None)
    other.execute("PRAGMA locking_mode = EXCLUSIVE")
    other.execute("BEGIN EXCLUSIVE")
    start_fails(db, "another program holds it")
    other.close()
    roost.Roostd(db).stop()


def test_start_on_a_damaged_database():
    db = database()
    roost.run([os.path.join(roost.BUILD, "roostctl"), "-d", db, "zone", "list"])
    size = os.path.getsize(db)
    with open(db, "r+b") as out:  # every page but the first
        out.seek(4096)
        out.write(b"\xa5" * (size - 4096))
    start_fails(db, "restore it from a backup")


def test_start_on_a_cut_database():
    db = database()
    os.truncate(db, os.path.getsize(db) // 2 // 4096 * 4096)
    start_fails(db, "restore")


@pytest.mark.parametrize("statement, words", [
    ("UPDATE rrset SET rdata = x'0004c000' WHERE zone = 1 AND type = 1", " A:"),
    ("DELETE FROM rrset WHERE zone = 1 AND type = 6", " SOA: there is none"),
    ("UPDATE zone SET serial = serial + 1 WHERE id = 1", " SOA: its serial"),
    ("UPDATE zone SET serial = 4294967296 WHERE id = 1", "serial is out of range"),
])
def test_start_on_records_that_cannot_be(statement, words):
    """A zone with damaged rows gets SERVFAIL and keeps them until it is imported again; the others are served."""
    home = roost.Home(start=False)
    other = roost.Key.parse(roost.roostctl(home.db, "init", "other.example").stdout)
    good = roost.roostctl(home.db, "zone", "export", home.zone).stdout
    script(home.db, statement)

    def rows():
        with sqlite3.connect(home.db) as handle:
            return (handle.execute("SELECT * FROM rrset WHERE zone = 1").fetchall() +
                    handle.execute("SELECT name, role, policy, serial, changed FROM zone WHERE id = 1").fetchall())

    damaged = rows()
    for _ in range(2):  # a restart changes nothing
        home.server.start()
        lines = [line for line in home.server.text().splitlines() if " error " in line]
        assert all("zone home.example." in line and words in line and "zone import" in line for line in lines[-1:]), lines
        assert lines and "ready: 1 zones" in home.server.text()
        check_damaged(home, other)
        home.server.stop()
        assert rows() == damaged

    home.server.start()
    path = os.path.join(home.server.directory, "good.zone")
    with open(path, "w", encoding="utf-8") as out:
        out.write(good)
    roost.roostctl(home.db, "zone", "import", home.zone, path)
    stream = Stream(home)
    assert stream.serial > 0 and roost.values(home.server, "ns1.home.example")
    assert "NOT SERVED" not in roost.roostctl(home.db, "status").stdout
    assert stream.send() == dns.rcode.NOERROR
    stream.check()
    home.server.kill()
    home.server.start()
    stream.check()
    home.server.stop()


def check_damaged(home, other):
    for name, rdtype in (("home.example", "SOA"), ("home.example", "NS"), ("ns1.home.example", "A"), ("none.home.example", "AAAA"),
                         ("home.example", "ANY")):
        for tcp in (False, True):
            answer = roost.query(home.server, name, rdtype, tcp=tcp)
            assert answer.rcode() == dns.rcode.SERVFAIL and not answer.answer and not answer.authority, answer
    answer = roost.query(home.server, home.zone, "AXFR", tcp=True, key=home.key)
    assert answer.rcode() == dns.rcode.SERVFAIL and not answer.answer
    update = dns.update.UpdateMessage(home.zone, keyring=home.key.dnspython())
    update.add("new", TTL, "A", "192.0.2.1")
    answer = dns.query.udp(update, "127.0.0.1", port=home.server.port, timeout=20)
    assert answer.rcode() == dns.rcode.SERVFAIL
    refused = roost.roostctl(home.db, "record", "add", home.zone, "new", "A", "192.0.2.1", status=1)
    assert "zone import" in refused.stderr, refused.stderr

    assert roost.values(home.server, "ns1.other.example")
    update = dns.update.UpdateMessage("other.example", keyring=other.dnspython())
    update.add("new", TTL, "A", "192.0.2.1")
    assert dns.query.udp(update, "127.0.0.1", port=home.server.port, timeout=20).rcode() == dns.rcode.NOERROR

    status = roost.roostctl(home.db, "status").stdout.splitlines()
    assert [line for line in status if "NOT SERVED: zone home.example." in line and "zone import" in line], status
    assert [line for line in status if line.startswith("zone other.example serial") and "NOT" not in line], status
    zones = json.loads(roost.roostctl(home.db, "status", "--json").stdout)["zones"]
    assert ["fault" in zone and zone["fault"] is not None for zone in zones] == [True, False]


@pytest.mark.skipif(os.geteuid() == 0 and not shutil.which("setpriv"), reason="root may write everything")
def test_start_on_a_read_only_database():
    with tempfile.TemporaryDirectory(prefix="roost-") as directory:  # not in scratch, which is its owner's alone
        os.chmod(directory, 0o755)
        start_read_only(shutil.copy(database(), directory))


def start_read_only(db):
    """As somebody who may read all and write nothing of it."""
    os.chmod(db, 0o444)
    nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"] if os.geteuid() == 0 else []
    argv = [*nobody, os.path.join(roost.BUILD, "roostd"), "-d", db, "-l", f"127.0.0.1@{roost.free_port()}"]
    if nobody and subprocess.run([*nobody, "test", "-x", argv[len(nobody)], "-a", "-r", db], check=False).returncode:
        pytest.skip("nobody cannot reach the files")
    done = roost.run(argv, status=1)
    assert db in done.stderr and "cannot be written" in done.stderr, done.stderr


def test_signal_of_the_file_size_limit_is_no_end():
    """SIGXFSZ ends a program that does not expect it."""
    home = roost.Home()
    home.server.popen.send_signal(signal.SIGXFSZ)
    time.sleep(0.1)
    assert home.server.running() and home.serial()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.sendto(b"", ("127.0.0.1", home.server.port))
    assert home.serial()
