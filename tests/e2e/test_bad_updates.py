"""Updates that must not be: each gets the RFC's answer, one line in the log that says what to do, and changes nothing; those around it
are none the worse for it. (What is right by the letter, with all its variants: test_conformance.py.)
"""
import dataclasses
import os
import re
import socket
import struct
import sys

import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.tsig
import dns.update
import pytest
import roost

sys.path.insert(0, os.path.join(roost.TOP, "tests", "conformance"))
import conformance  # noqa: E402
from test_stats import stats  # noqa: E402

NEIGHBOURS = 20  # good updates around as many bad ones, in one connection
EDE = 15
OTHER, PROHIBITED, NOT_AUTHORITATIVE = 0, 18, 20
NARROW = roost.Key("narrow")  # may set one name's addresses
STRANGER = roost.Key("stranger")  # may nothing


class Home(roost.Home):
    def __init__(self):
        super().__init__()
        for key in (NARROW, STRANGER):
            self.server.ctl("key", "add", key.name, "--secret", key.secret)
        self.server.ctl("grant", "add", self.zone, "update", "--key", NARROW.name, "--name", "narrow", "--types", "A")

    def zone_now(self):
        return self.server.ctl("zone", "export", self.zone).stdout

    def refusals(self):
        return [line for line in self.server.text().splitlines() if "update of " in line and " by " in line and "serial" not in line]


@pytest.fixture
def home():
    return Home()


# ---- Bad updates, as octets ----

def addition(home, name="bad", rdata="192.0.2.66", zone=None):
    message = dns.update.UpdateMessage(zone or home.zone)
    message.add(name, 60, "A", rdata)
    message.use_edns(0)
    return message


def signed(message, key):
    message.use_tsig(key.dnspython())
    return message.to_wire(max_size=65535)


def by_hand(home, key, options, rdata=b"\xc0\0\2\x42"):
    """As addition(), with a signature that is wrong as tests/conformance/conformance.py has it, or RDATA that is."""
    zone = dns.name.from_text(home.zone).to_wire()
    body = zone + struct.pack("!HH", dns.rdatatype.SOA, 1)
    body += b"\3bad\xc0\x0c" + struct.pack("!HHIH", dns.rdatatype.A, 1, 60, len(rdata)) + rdata
    body += b"\0" + struct.pack("!HHIH", dns.rdatatype.OPT, 1232, 0, 0)
    conformance.KEYS[key.name] = key
    ident = os.urandom(2)
    options = {"original": str(int.from_bytes(ident, "big")), **options}
    return conformance.Signer(key.name, options).sign(ident + b"\x28\0", [1, 0, 1, 1], body)


def unsigned(home):
    return addition(home).to_wire()


def unknown_key(home):
    return signed(addition(home), roost.Key("unknown"))


def wrong_secret(home):
    return signed(addition(home), roost.Key(home.key.name))


def wrong_algorithm(home):
    return signed(addition(home), roost.Key(home.key.name, home.key.secret, "hmac-sha512"))


def wrong_time(home):
    return by_hand(home, home.key, {"time": "-3600"})


def short_mac(home):
    return by_hand(home, home.key, {"mac": "16"})


def no_mac(home):
    return by_hand(home, home.key, {"mac": "0"})


def changed_on_its_way(home):
    wire = bytearray(signed(addition(home), home.key))
    wire[wire.index(b"\x03bad") + 1] ^= 1
    return bytes(wire)


def cut_off(home):
    return signed(addition(home), home.key)[:-9]


def malformed_record(home):
    return by_hand(home, home.key, {}, b"\xc0\0\2")


def stranger(home):
    return signed(addition(home), STRANGER)


def beyond_its_name(home):
    return signed(addition(home), NARROW)


def beyond_its_type(home):
    message = dns.update.UpdateMessage(home.zone)
    message.add("narrow", 60, "TXT", '"bad"')
    message.use_edns(0)
    return signed(message, NARROW)


def beyond_its_name_beside_what_it_may(home):
    message = addition(home, "narrow")
    message.add("bad", 60, "A", "192.0.2.66")
    return signed(message, NARROW)


def another_zone(home):
    return signed(addition(home, zone="elsewhere.example"), home.key)


def name_outside(home):
    return signed(addition(home, "bad.elsewhere.example."), home.key)


def contradictory(home):
    """Its prerequisites cannot both hold."""
    message = addition(home)
    message.present("home", "A")
    message.absent("home", "A")
    return signed(message, home.key)


def oversized(home):
    """A record that no answer could hold."""
    message = dns.update.UpdateMessage(home.zone)
    message.add("bad", 60, "TYPE65280", "\\# 65000 " + "ab" * 65000)
    message.use_edns(0)
    return signed(message, home.key)


def two_zones(home):
    packet = bytearray(addition(home).to_wire())
    zone = dns.name.from_text(home.zone).to_wire() + struct.pack("!HH", dns.rdatatype.SOA, 1)
    packet[4:6] = b"\0\2"
    return bytes(packet[:conformance.HEADER]) + zone + bytes(packet[conformance.HEADER:])


@dataclasses.dataclass
class Bad:
    make: object
    rcode: int
    log: str  # what the line must say
    ede: int = None
    decided_early: bool = True  # the writer never hears of it
    tcp: bool = False


BAD = [
    Bad(unsigned, dns.rcode.REFUSED, "unsigned .* REFUSED: .*grant", PROHIBITED),
    Bad(unknown_key, dns.rcode.NOTAUTH, r"key unknown\. .* NOTAUTH: no such key here.*BADKEY.*roostctl key list"),
    Bad(wrong_algorithm, dns.rcode.NOTAUTH, "NOTAUTH: no such key here, or not with this algorithm"),
    Bad(wrong_secret, dns.rcode.NOTAUTH, r"NOTAUTH: the signature is wrong \(BADSIG\): the secrets differ"),
    Bad(changed_on_its_way, dns.rcode.NOTAUTH, "BADSIG"),
    Bad(wrong_time, dns.rcode.NOTAUTH, "NOTAUTH: the clocks differ .*BADTIME.*: set the client's or this machine's clock"),
    Bad(short_mac, dns.rcode.NOTAUTH, "BADTRUNC"),
    Bad(no_mac, dns.rcode.FORMERR, "FORMERR: the TSIG record is malformed, or its MAC"),
    Bad(cut_off, dns.rcode.FORMERR, "FORMERR: the message is malformed, or was cut off"),
    Bad(two_zones, dns.rcode.FORMERR, "FORMERR: the zone section is not exactly one SOA"),
    Bad(another_zone, dns.rcode.NOTAUTH, "elsewhere.example.* NOTAUTH: .*roostctl zone list", NOT_AUTHORITATIVE),
    Bad(stranger, dns.rcode.REFUSED, r"key stranger\. .* REFUSED: .*grant", PROHIBITED),
    Bad(beyond_its_name, dns.rcode.REFUSED, r"key narrow\. .* REFUSED: bad\.home\.example.* A: .*roostctl grant explain", PROHIBITED,
        False),
    Bad(beyond_its_type, dns.rcode.REFUSED, r"REFUSED: narrow\.home\.example.* TXT: .*grant explain", PROHIBITED, False),
    Bad(beyond_its_name_beside_what_it_may, dns.rcode.REFUSED, r"REFUSED: bad\.home\.example.* A: ", PROHIBITED, False),
    Bad(malformed_record, dns.rcode.FORMERR, r"FORMERR: bad\.home\.example.* A: the RDATA", None, False),
    Bad(name_outside, dns.rcode.NOTZONE, r"NOTZONE: bad\.elsewhere\.example.*: the name is not in the zone", None, False),
    Bad(oversized, dns.rcode.REFUSED, r"REFUSED: bad\.home\.example.*: the RRset or the name would become too large", PROHIBITED,
        False, True),
    Bad(contradictory, dns.rcode.YXRRSET, "YXRRSET: home.home.example.* A: prerequisite: the RRset exists", None, False),
]


def ede_of(answer):
    """The code of its extended error (RFC 8914), None without one."""
    tsig = conformance.find_tsig(answer)
    if tsig:
        answer = answer[:10] + struct.pack("!H", struct.unpack("!H", answer[10:12])[0] - 1) + answer[12:tsig[0]]
    message = dns.message.from_wire(answer)
    found = [option.data if hasattr(option, "data") else option.to_wire() for option in message.options if option.otype == EDE]
    return struct.unpack("!H", found[0][:2])[0] if found else None


@pytest.mark.parametrize("bad", BAD, ids=[bad.make.__name__ for bad in BAD])
def test_answered_told_and_forgotten(home, bad):
    before, counted, serial, lines = home.zone_now(), stats(home.server), home.serial(), len(home.refusals())
    packet = bad.make(home)
    answer = conformance.exchange(home.server, packet, bad.tcp, roost.PATIENCE)
    assert answer[:2] == packet[:2] and answer[3] & 15 == bad.rcode, dns.rcode.to_text(answer[3] & 15)
    assert ede_of(answer) == bad.ede
    told = roost.wait_until(lambda: home.refusals()[lines:])
    assert len(told) == 1 and re.search(bad.log, told[0]), told
    assert home.zone_now() == before and home.serial() == serial
    if bad.decided_early:
        assert stats(home.server)["update_time.count"] == counted["update_time.count"]


@pytest.mark.parametrize("bad", BAD, ids=[bad.make.__name__ for bad in BAD])
def test_neighbours_in_a_batch(home, bad):
    """Good and bad ones turn by turn in one connection, all on their way before the first answer."""
    serial, packets = home.serial(), []
    for i in range(NEIGHBOURS if bad.make is not oversized else 3):
        packets += [signed(addition(home, f"good{i}", "192.0.2.1"), home.key), bad.make(home)]
    with socket.create_connection((home.server.address, home.server.port), timeout=roost.PATIENCE) as stream:
        stream.sendall(b"".join(struct.pack("!H", len(packet)) + packet for packet in packets))
        with stream.makefile("rb") as answers:
            got = [answers.read(struct.unpack("!H", answers.read(2))[0]) for _ in packets]
    by_id = {answer[:2]: answer[3] & 15 for answer in got}
    wanted = {packet[:2]: bad.rcode if i % 2 else dns.rcode.NOERROR for i, packet in enumerate(packets)}
    assert by_id == wanted
    assert all(roost.values(home.server, f"good{i}.{home.zone}") == ["192.0.2.1"] for i in range(len(packets) // 2))
    assert roost.query(home.server, f"bad.{home.zone}").rcode() == dns.rcode.NXDOMAIN
    assert home.serial() == serial + len(packets) // 2


# ---- Prerequisites alone ----

def test_prerequisites_alone_are_no_version(home):
    """No serial, no version, nothing for the secondaries."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as secondary:
        secondary.bind(("127.0.0.1", 0))
        secondary.settimeout(roost.PATIENCE)
        home.server.ctl("peer", "add", home.zone, f"127.0.0.1@{secondary.getsockname()[1]}")
        home.move("192.0.2.10")
        serials = []

        def told():
            wire, sender = secondary.recvfrom(65535)
            notify = dns.message.from_wire(wire)
            serials.append(notify.answer[0][0].serial)
            secondary.sendto(dns.message.make_response(notify).to_wire(), sender)
        told()
        before, serial = home.server.ctl("log", home.zone).stdout, home.serial()
        while serials[-1] != serial:
            told()
        home.update("prereq yxdomain home.home.example", "prereq nxrrset home.home.example TXT")
        home.update("prereq yxrrset home.home.example A 192.0.2.10")
        home.update("prereq nxdomain home.home.example", status=2)
        assert (home.server.ctl("log", home.zone).stdout, home.serial()) == (before, serial)
        home.move("192.0.2.11")
        while serials[-1] != serial + 1:
            told()
        assert sorted(set(serials))[-2:] == [serial, serial + 1]


# ---- Replays ----

@pytest.mark.parametrize("tcp", (False, True), ids=("udp", "tcp"))
def test_a_replayed_update_is_not_run_again(home, tcp):
    """The host has moved on; who has seen the old update sends it again from elsewhere."""
    old = addition(home, "home", "192.0.2.50")
    old.delete("home", "A")
    old.add("home", 60, "A", "192.0.2.50")
    packet = signed(old, home.key)
    assert conformance.exchange(home.server, packet, False, roost.PATIENCE)[3] & 15 == dns.rcode.NOERROR
    home.move("192.0.2.51")
    serial, lines = home.serial(), len(home.refusals())
    answer = conformance.exchange(home.server, packet, tcp, roost.PATIENCE)
    assert answer[3] & 15 == dns.rcode.NOTAUTH
    assert ede_of(answer) == OTHER
    with pytest.raises(dns.tsig.PeerBadTime):  # and the answer's own signature is good
        dns.message.from_wire(answer, keyring={home.key.dnspython().name: home.key.dnspython()}, request_mac=old.mac)
    assert home.serial() == serial and roost.values(home.server, home.host) == ["192.0.2.51"]
    told = roost.wait_until(lambda: home.refusals()[lines:])
    assert len(told) == 1 and "this very message came before (BADTIME)" in told[0]


def test_a_replay_of_what_was_refused_is_no_update_either(home):
    """Its prerequisite does not hold now, but later it does."""
    message = addition(home, "late", "192.0.2.52")
    message.present("gate")
    packet = signed(message, home.key)
    assert conformance.exchange(home.server, packet, False, roost.PATIENCE)[3] & 15 == dns.rcode.NXDOMAIN
    home.update("update add gate.home.example 60 A 192.0.2.1")
    assert conformance.exchange(home.server, packet, False, roost.PATIENCE)[3] & 15 == dns.rcode.NOTAUTH
    assert not roost.values(home.server, "late.home.example")


def test_the_same_update_signed_anew_is_another(home):
    for _ in range(3):
        message = addition(home, "again", "192.0.2.53")
        assert conformance.exchange(home.server, signed(message, home.key), False, roost.PATIENCE)[3] & 15 == dns.rcode.NOERROR


def test_workers_know_of_each_other():
    """Another source port may be another worker's."""
    home = roost.Home(workers=4)
    message = addition(home, "once", "192.0.2.54")
    packet = signed(message, home.key)
    rcodes = [conformance.exchange(home.server, packet, False, roost.PATIENCE)[3] & 15 for _ in range(16)]
    assert rcodes == [dns.rcode.NOERROR] + [dns.rcode.NOTAUTH] * 15
