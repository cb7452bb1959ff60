"""Roost as a secondary: of BIND, Knot and Roost, by IXFR and AXFR, plain and with TSIG; its timers; what hostile primaries do."""
import json
import os
import socket
import sqlite3
import struct
import tempfile
import threading
import time

import dns.edns
import dns.flags
import dns.message
import dns.opcode
import dns.query
import dns.rcode
import dns.rdatatype
import dns.rrset
import peers
import pytest
import roost

ZONE = "home.example"


def zone_text(serial=10, refresh=3600, retry=2, expire=86400, hosts=50):
    lines = [f"$ORIGIN {ZONE}.", "$TTL 60", f"@ SOA ns hostmaster {serial} {refresh} {retry} {expire} 60", "@ NS ns",
             "ns A 192.0.2.53", "*.wild TXT \"any\"", "alias CNAME ns", "Cased AAAA 2001:db8::1"]
    return "\n".join(lines + [f"host{i} A 192.0.2.{i % 250}" for i in range(hosts)]) + "\n"


def zone_file(**more):
    path = os.path.join(tempfile.mkdtemp(dir=roost.scratch), "zone")
    with open(path, "w", encoding="ascii") as out:
        out.write(zone_text(**more))
    return path


class Secondary:
    """A Roost that is a secondary; its address is known before it starts."""

    def __init__(self, *args):
        self.db = os.path.join(tempfile.mkdtemp(prefix="secondary-", dir=roost.scratch), "roost.db")
        roost.roostctl(self.db, "init")
        self.server = roost.Roostd(self.db, *args, start=False)

    def add(self, *primaries, key=None, zone=ZONE):
        if key:
            roost.roostctl(self.db, "key", "add", key.name, "--algorithm", key.algorithm, "--secret", key.secret)
        words = [word for primary in primaries for word in ("--primary", at(primary))]
        roost.roostctl(self.db, "zone", "add", zone, *words, *(["--key", key.name] if key else []))
        roost.roostctl(self.db, "grant", "add", zone, "transfer", "--from", "127.0.0.0/8")
        return self

    def serial(self):
        return roost.serial(self.server, ZONE)

    def wait(self, serial):
        roost.wait_until(lambda: self.serial() == serial, what=f"serial {serial}; {self.server.tail()}")

    def state(self):
        zones = json.loads(self.server.ctl("status", "--json").stdout)["zones"]
        return next(zone for zone in zones if zone["zone"] == ZONE)

    def error(self):
        return self.state()["primaries"][0]["error"]

    def wait_error(self, words):
        roost.wait_until(lambda: words in self.error(), what=f"the error {words!r}, not {self.error()!r}")
        assert words in self.server.text()

    def is_served(self):
        return roost.query(self.server, ZONE, "SOA").rcode() == dns.rcode.NOERROR


def at(primary):
    return primary if isinstance(primary, str) else f"{primary.address}@{primary.port}"


class RoostPrimary:
    """Home's zone with other timers, and peers."""

    def __init__(self, secondary, key=None, **more):
        self.home = roost.Home(start=False)
        roost.roostctl(self.home.db, "zone", "import", ZONE, zone_file(**more))
        if key:
            roost.roostctl(self.home.db, "key", "add", key.name, "--algorithm", key.algorithm, "--secret", key.secret)
        keyed = ["--key", key.name] if key else []
        roost.roostctl(self.home.db, "peer", "add", ZONE, f"{secondary.address}@{secondary.port}", *keyed)
        roost.roostctl(self.home.db, "grant", "add", ZONE, "transfer", *(keyed or ["--from", "127.0.0.0/8"]))
        self.home.server.start()
        self.address, self.port = self.home.server.address, self.home.server.port
        self.key = key

    def update(self, *lines):
        self.home.update(*lines)

    def axfr(self):
        return roost.axfr(self.home.server, ZONE, self.key)

    def serial(self):
        return self.home.serial()


class OtherPrimary:
    def __init__(self, kind, secondary, key=None, **more):
        self.server = kind({ZONE: zone_file(**more)}, updates=True, secondary=(secondary.address, secondary.port), key=key)
        self.address, self.port, self.key = self.server.address, self.server.port, key

    def update(self, *lines):
        roost.nsupdate(self.server, [f"zone {ZONE}", *lines])

    def axfr(self):
        return roost.axfr(self.server, ZONE, self.key)

    def serial(self):
        return roost.serial(self.server, ZONE)


def make_primary(kind, secondary, key=None, **more):
    if kind == "roost":
        return RoostPrimary(secondary, key, **more)
    return OtherPrimary({"bind": peers.BindPrimary, "knot": peers.KnotPrimary}[kind], secondary, key, **more)


# ---- Following ----

@pytest.mark.parametrize("keyed", [False, True], ids=["plain", "tsig"])
@pytest.mark.parametrize("kind", ["roost", "bind", "knot"])
def test_follows_a_primary(kind, keyed):
    secondary = Secondary()
    key = roost.Key("transfer.key") if keyed else None
    primary = make_primary(kind, secondary.server, key, hosts=2000)
    secondary.add(primary, key=key).server.start()
    secondary.wait(10)
    assert roost.axfr(secondary.server, ZONE) == primary.axfr()
    for i in range(20):
        primary.update(f"update delete host{i}.{ZONE} A", f"update add host{i}.{ZONE} 60 A 198.51.100.{i}",
                       f"update add new{i}.{ZONE} 300 TXT \"{i}\"")
    primary.update(f"update delete host5.{ZONE}", f"update add host6.{ZONE} 77 A 192.0.2.99")
    secondary.wait(primary.serial())
    assert roost.axfr(secondary.server, ZONE) == primary.axfr()
    assert "IXFR of" in secondary.server.text()
    assert secondary.server.text().count("AXFR of") == 1, "only the first"
    # Its journal has the primary's versions: it gives IXFR itself.
    first = roost.records(roost.transfer(secondary.server, ZONE, "IXFR", serial=10))
    assert [record[2] for record in first[:2]] == ["SOA", "SOA"] and first[1][3].split()[2] == "10"


def test_a_secondary_of_a_secondary():
    middle, last = Secondary(), Secondary()
    primary = RoostPrimary(middle.server)
    middle.add(primary)
    roost.roostctl(middle.db, "peer", "add", ZONE, f"{last.server.address}@{last.server.port}")
    last.add(middle.server)
    middle.server.start()
    middle.wait(10)
    last.server.start()
    last.wait(10)
    for i in range(5):
        primary.update(f"update add chain{i}.{ZONE} 60 A 192.0.2.{i + 1}")
    last.wait(15)
    assert roost.axfr(last.server, ZONE) == primary.axfr()
    assert "IXFR of" in last.server.text()


def test_asks_the_next_primary_and_comes_back():
    secondary = Secondary("--secondary-timeout", "500ms")
    primary = RoostPrimary(secondary.server, refresh=1, retry=1)
    dead = f"127.0.0.1@{roost.free_port()}"
    secondary.add(dead, primary).server.start()
    secondary.wait(10)
    assert "refused" in secondary.error()
    primary.update(f"update add later.{ZONE} 60 A 192.0.2.1")
    secondary.wait(11)


def test_refreshes_without_notify():
    secondary = Secondary()
    primary = RoostPrimary(secondary.server, refresh=1)
    primary.home.server.stop()
    primary.home.server.args += ["--notify-enabled", "no"]
    primary.home.server.start()
    secondary.add(primary).server.start()
    secondary.wait(10)
    primary.update(f"update add later.{ZONE} 60 A 192.0.2.1")
    secondary.wait(11)


def test_a_primary_that_moves_is_known_by_its_key():
    secondary = Secondary()
    key = roost.Key("moving.key")
    primary = RoostPrimary(secondary.server, key)
    secondary.add(f"@{primary.port}", key=key).server.start()
    assert not secondary.is_served()
    primary.update(f"update add later.{ZONE} 60 A 192.0.2.1")
    secondary.wait(11)
    secondary.server.restart()
    assert secondary.serial() == 11
    primary.update(f"update add again.{ZONE} 60 A 192.0.2.1")
    secondary.wait(12)


def test_notify_from_strangers_is_refused():
    secondary = Secondary()
    secondary.add("192.0.2.1@53").server.start()
    notify = dns.message.make_query(ZONE, "SOA")
    notify.set_opcode(dns.opcode.NOTIFY)
    answer = dns.query.udp(notify, secondary.server.address, port=secondary.server.port, timeout=5)
    assert answer.rcode() == dns.rcode.REFUSED


def test_updates_are_for_the_primary():
    secondary = Secondary()
    key = roost.Key("update.key")
    primary = RoostPrimary(secondary.server)
    secondary.add(primary)
    roost.roostctl(secondary.db, "key", "add", key.name, "--secret", key.secret)
    roost.roostctl(secondary.db, "grant", "add", ZONE, "update", "--key", key.name)
    secondary.server.start()
    secondary.wait(10)
    done = roost.nsupdate(secondary.server, [f"zone {ZONE}", f"update add x.{ZONE} 60 A 192.0.2.1"], key=key, status=2)
    assert "REFUSED" in done.stderr
    secondary.server.ctl("record", "add", ZONE, "x", "A", "192.0.2.1", status=1)


# ---- Time ----

def expire_option(server):
    answer = roost.query(server, ZONE, "SOA", use_edns=0, options=[dns.edns.GenericOption(9, b"")])
    return next(struct.unpack("!I", option.data)[0] for option in answer.options if option.otype == 9)


def test_expires_and_comes_back():
    secondary = Secondary()
    primary = RoostPrimary(secondary.server, refresh=1, retry=1, expire=3)
    secondary.add(primary).server.start()
    secondary.wait(10)
    assert expire_option(secondary.server) <= 3
    primary.home.server.stop()
    roost.wait_until(lambda: not secondary.is_served(), what="expiry")
    answer = roost.query(secondary.server, ZONE, "SOA", use_edns=0)
    assert (answer.rcode(), answer.options[0].code) == (dns.rcode.SERVFAIL, 24)
    assert "expired" in secondary.server.text() and "expired" in secondary.state()["fault"]
    assert secondary.state()["expires"] is None
    primary.home.server.start()
    secondary.wait(10)
    assert roost.axfr(secondary.server, ZONE) == primary.axfr()


def test_expired_while_it_was_down():
    secondary = Secondary()
    primary = RoostPrimary(secondary.server, refresh=1, retry=1, expire=2)
    secondary.add(primary).server.start()
    secondary.wait(10)
    secondary.server.stop()
    primary.home.server.stop()
    begun = time.monotonic()
    roost.wait_until(lambda: time.monotonic() > begun + 3, what="three seconds")
    secondary.server.start()
    assert not secondary.is_served()
    primary.home.server.start()
    secondary.wait(10)


def test_is_served_after_a_restart_without_its_primary():
    secondary = Secondary()
    primary = RoostPrimary(secondary.server)
    secondary.add(primary).server.start()
    secondary.wait(10)
    content = roost.axfr(secondary.server, ZONE)
    primary.home.server.stop()
    secondary.server.kill()
    secondary.server.start()
    assert roost.axfr(secondary.server, ZONE) == content
    secondary.wait_error("refused")
    assert expire_option(secondary.server) <= 86400
    shown = secondary.server.ctl("zone", "show", ZONE).stdout
    assert f"primary  {primary.address}@{primary.port}" in shown and "checked  never" not in shown


def test_a_primary_that_went_back():
    secondary = Secondary()
    primary = OtherPrimary(peers.BindPrimary, secondary.server, serial=7, refresh=1, retry=1)
    secondary.add(primary).server.start()
    secondary.wait(7)
    primary.server.stop()
    with open(primary.server.zones[ZONE], "w", encoding="ascii") as out:
        out.write(zone_text(serial=3, hosts=1))
    primary.server.start()
    secondary.wait_error("older than ours")
    assert secondary.serial() == 7


def test_a_journal_that_was_cut():
    secondary = Secondary()
    primary = RoostPrimary(secondary.server)
    secondary.add(primary).server.start()
    secondary.wait(10)
    secondary.server.stop()
    for i in range(3):
        primary.update(f"update add cut{i}.{ZONE} 60 A 192.0.2.1")
    primary.home.server.stop()
    path = zone_file(serial=100, hosts=3)
    with sqlite3.connect(primary.home.db) as db:
        db.execute("DELETE FROM change WHERE serial_to = 12")
    roost.roostctl(primary.home.db, "zone", "import", ZONE, path)
    primary.home.server.start()
    secondary.server.start()
    secondary.wait(100)
    assert roost.axfr(secondary.server, ZONE) == primary.axfr()


def test_a_removed_zone_is_gone():
    secondary = Secondary()
    primary = RoostPrimary(secondary.server)
    secondary.add(primary).server.start()
    secondary.wait(10)
    secondary.server.ctl("zone", "remove", ZONE)
    assert roost.query(secondary.server, ZONE, "SOA").rcode() == dns.rcode.REFUSED
    primary.update(f"update add later.{ZONE} 60 A 192.0.2.1")
    secondary.server.ctl("zone", "add", ZONE, "--primary", at(primary))
    secondary.wait(11)
    done = secondary.server.ctl("zone", "add", ZONE, "--primary", at(primary), status=1)
    assert "already" in done.stderr


# ---- Hostile primaries ----

class Hostile:
    """A TCP server that answers SOA honestly and transfers by `make(serve, query)`, a list of messages or of octets."""

    def __init__(self, serial):
        self.serial = serial
        self.make = None
        self.asked = []
        self.sock = socket.create_server(("127.0.0.1", 0))
        self.address, self.port = self.sock.getsockname()
        self.done = threading.Event()
        self.thread = threading.Thread(target=self.accept)
        self.thread.start()

    def accept(self):
        self.sock.settimeout(0.1)
        while not self.done.is_set():
            try:
                connection, _ = self.sock.accept()
            except TimeoutError:
                continue
            with connection:
                try:
                    self.serve(connection)
                except OSError:
                    pass

    def receive(self, connection, count):
        got = b""
        while len(got) < count:
            more = connection.recv(count - len(got))
            if not more:
                raise ConnectionError
            got += more
        return got

    def serve(self, connection):
        connection.settimeout(5)
        while not self.done.is_set():
            length, = struct.unpack("!H", self.receive(connection, 2))
            query = dns.message.from_wire(self.receive(connection, length), continue_on_error=True)
            kind = query.question[0].rdtype
            self.asked.append(kind)
            answers = [self.answer(query, [self.soa()])] if kind == dns.rdatatype.SOA else self.make(self, query)
            for answer in answers:
                wire = answer if isinstance(answer, bytes) else answer.to_wire()
                connection.sendall(struct.pack("!H", len(wire)) + wire)

    def soa(self, serial=None):
        return f"{ZONE}. 60 IN SOA ns.{ZONE}. hostmaster.{ZONE}. {serial or self.serial} 1 1 86400 60"

    def answer(self, query, lines):
        answer = dns.message.Message(query.id)
        answer.flags = dns.flags.QR | dns.flags.AA
        answer.question = query.question
        for line in lines:
            owner, ttl, rdclass, rdtype, data = line.split(" ", 4)
            answer.answer.append(dns.rrset.from_text(owner, ttl, rdclass, rdtype, data))
        return answer

    def close(self):
        self.done.set()
        self.thread.join()
        self.sock.close()


NS = f"{ZONE}. 60 IN NS ns.{ZONE}."
HOST = f"a.{ZONE}. 60 IN A 192.0.2.1"


def good(server, query):
    return [server.answer(query, [server.soa(), NS, HOST, server.soa()])]


def endless(server, query):
    yield server.answer(query, [server.soa(), NS])
    number = 0
    while True:
        number += 100
        yield server.answer(query, [f"h{number + i}.{ZONE}. 60 IN A 192.0.2.1" for i in range(100)])


def lines(*middle):
    return lambda server, query: [server.answer(query, [server.soa(), NS, *middle, server.soa()])]


def stalled(server, query):
    yield server.answer(query, [server.soa(), NS])
    server.done.wait(3)


def broken_compression(server, query):
    wire = server.answer(query, [server.soa(), NS, HOST, server.soa()]).to_wire()
    return [wire[:12] + wire[12:].replace(b"\xc0\x0c", b"\xff\xff")]


hostile = {
    "endless": (endless, "over 5000 records"),
    "a record outside": (lines("www.example. 60 IN A 192.0.2.1"), "outside the zone"),
    "another zone": (lambda s, q: [s.answer(q, ["other.example. 60 IN SOA a. b. 9 1 1 1 1"])], "outside the zone"),
    "another serial at the end": (lambda s, q: [s.answer(q, [s.soa(), NS, s.soa(99)])], "not the SOA that"),
    "class CH": (lines(f"a.{ZONE}. 60 CH TXT x"), "class IN"),
    "broken compression": (broken_compression, "malformed"),
    "cut in the middle": (lambda s, q: [s.answer(q, [s.soa(), NS]).to_wire()[:40]], "malformed"),
    "stalled": (stalled, "no answer, or it stopped"),
    "no NS": (lambda s, q: [s.answer(q, [s.soa(), s.soa()])], "NS"),
    "CNAME beside A": (lines(HOST, f"a.{ZONE}. 60 IN CNAME b.{ZONE}."), "CNAME"),
    "another ID": (lambda s, q: [b"\0\0" + good(s, q)[0].to_wire()[2:]], "another ID"),
}


@pytest.mark.parametrize("case", hostile)
def test_a_hostile_primary_changes_nothing(case):
    make, words = hostile[case]
    secondary = Secondary("--secondary-records", "5000", "--secondary-timeout", "1s")
    primary = Hostile(5)
    try:
        primary.make = good
        secondary.add(primary).server.start()
        secondary.wait(5)
        content = roost.axfr(secondary.server, ZONE)
        primary.make = make
        primary.serial = 6
        secondary.wait_error(words)
        assert roost.axfr(secondary.server, ZONE) == content
        primary.make = good
        secondary.wait(6)
        assert secondary.error() == ""
    finally:
        primary.close()


def test_ixfr_that_does_not_fit_is_made_good_by_axfr():
    secondary = Secondary()
    primary = Hostile(5)

    def make(server, query):
        if query.question[0].rdtype == dns.rdatatype.AXFR:
            return good(server, query)
        missing = f"missing.{ZONE}. 60 IN A 192.0.2.1"
        return [server.answer(query, [server.soa(), server.soa(5), missing, server.soa(), server.soa()])]
    try:
        primary.make = good
        secondary.add(primary).server.start()
        secondary.wait(5)
        primary.make = make
        primary.serial = 6
        secondary.wait(6)
        assert primary.asked[-2:] == [dns.rdatatype.IXFR, dns.rdatatype.AXFR]
    finally:
        primary.close()


def test_a_wrong_signature_changes_nothing():
    secondary = Secondary()
    primary = RoostPrimary(secondary.server, roost.Key("same.name"))
    secondary.add(primary, key=roost.Key("same.name")).server.start()
    secondary.wait_error("not signed as it must be")
    assert not secondary.is_served()
