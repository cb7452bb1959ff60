"""UPDATE messages and what must become of them, written down from the text of the RFCs in *.cases, and sent to a server.

A file of cases: `#` starts a comment line; a line is a word and what belongs to it. Owners and names in RDATA are relative to the
case's zone, whose content is zone.base, then the file's and the case's `record` lines. A case begins with

	case SECTIONS title         of RFC 2136, where no other is named
	roundtrip RFC TYPE RDATA    two cases: such a record added, and such a record tested, then deleted

and goes on with the message:

	zone NAME CLASS TYPE | none         the Zone Section, if it is not the one SOA that it should be
	prereq OWNER TTL CLASS TYPE RDATA   a record of the Prerequisite Section; `\\# N HEX` are octets as they stand; no RDATA: none
	update …, additional …              the same for the other sections
	flags uppercase | plain             the zone's name in capitals; no compression
	header BITS, counts Z P U A         bits set in the header's second word; section counts that are not true
	tcp, edns, unsigned, key NAME       how it is sent
	tsig WHAT=VALUE …                   what is wrong with its signature: see Signer

then what must come of it:

	rcode NAME           NOERROR if there is none
	error NAME           of the answer's TSIG; `none`: the answer has no TSIG
	+ OWNER TTL TYPE RDATA, - …         records that the zone has more and less afterwards; a SOA's serial does not count here
	serial N             the serial afterwards; without it: one more if the zone changed, else the same
	serial0 N            the serial before, in place of 100

and, if BIND or Knot do something else, what they do, and why we do not:

	bind …, knot …, both …      such a line for that server; from the first on, its outcome is made of these lines only
	bind flaw TEXT              what is wrong with its answer beside the RCODE
	knot broken, knot skip      it does not answer, or cannot be read afterwards; it does not load such a zone
	why TEXT                    why Roost does as it does

`WORD*N` stands for N lines, with {i} for a number from 0 and {hi}.{lo} for its octets; ` ; ` parts several of the same word.
"""
import dataclasses
import glob
import hashlib
import hmac
import os
import re
import socket
import struct
import sys
import time

import dns.exception
import dns.name
import dns.opcode
import dns.rcode
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.tsig
import dns.ttl

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "e2e"))
import roost  # noqa: E402

IN, NONE, ANY = dns.rdataclass.IN, dns.rdataclass.NONE, dns.rdataclass.ANY
SOA, KEY, OPT, TSIG = dns.rdatatype.SOA, dns.rdatatype.KEY, dns.rdatatype.OPT, dns.rdatatype.TSIG
PARENT = dns.name.from_text("conf.test.")
SERIAL = 100  # of zone.base
UDP_MAX = 1232  # octets of a message that clients send by UDP
NAME_MAX = 255  # octets on the wire (RFC 1035 §2.3.4)
HEADER = 12
MESSAGE_ID = 0x1234
CLOCK_SLACK = 10  # seconds between our clock and the one in an answer

KEYS = {name: roost.Key(name, algorithm=algorithm) for name, algorithm in [
    ("conf", "hmac-sha256"), ("stranger", "hmac-sha256"), ("md5", "hmac-md5"), ("sha1", "hmac-sha1"), ("sha224", "hmac-sha224"),
    ("sha384", "hmac-sha384"), ("sha512", "hmac-sha512")]}
GRANTED = [name for name in KEYS if name != "stranger"]
HASHES = {"hmac-md5": hashlib.md5, "hmac-sha1": hashlib.sha1, "hmac-sha224": hashlib.sha224, "hmac-sha256": hashlib.sha256,
          "hmac-sha384": hashlib.sha384, "hmac-sha512": hashlib.sha512}


# ---- Names and records ----

def name_of(text, origin):
    """`longest`: as many octets as a name may have. `x@`: the origin with an x before its first letter."""
    if text == "x@":
        return dns.name.Name((b"x" + origin[0],) + origin[1:])
    if text != "longest":
        return dns.name.from_text(text, origin)
    labels, room = (), NAME_MAX - len(origin.to_wire())
    while room > 1:
        size = min(63, room - 1)
        size -= size == room - 2  # no room for another label may be left over
        labels += (b"x" * size,)
        room -= 1 + size
    return dns.name.Name(labels + origin.labels)


def rdata_wire(rdtype, text, origin):
    """RDATA as octets. KEY, which dnspython does not know, has the form of DNSKEY."""
    if not text:
        return b""
    generic = re.fullmatch(r"\\# (\d+) ?(.*)", text)
    if generic:
        octets = bytes.fromhex(generic[2]) if not generic[2].startswith("{") else b"\xab" * int(generic[1])
        assert len(octets) == int(generic[1]), text
        return octets
    words = text.split(" ")
    if "longest" in words:
        text = " ".join(name_of(word, origin).to_text() if word == "longest" else word for word in words)
    known = dns.rdatatype.DNSKEY if rdtype == KEY else rdtype
    return dns.rdata.from_text(IN, known, text, origin, relativize=False).to_wire()


def canonical(rdtype, wire):
    """Octets to compare RDATA by: names in it without case (RFC 2136 §1.1.2), a SOA without its serial."""
    rdata = dns.rdata.from_wire(IN, rdtype, wire, 0, len(wire))
    return (rdata.replace(serial=0) if rdtype == SOA else rdata).to_digestable()


@dataclasses.dataclass(frozen=True)
class Line:
    """A record of a case, before it is known which zone it will be in."""
    owner: str
    ttl: int
    rdclass: int
    rdtype: int
    rdata: str

    @classmethod
    def parse(cls, text, with_class):
        fields = text.split(" ", 4 if with_class else 3)
        owner, ttl = fields[:2]
        rdclass = dns.rdataclass.from_text(fields[2]) if with_class else IN
        rdtype, rdata, *_ = fields[3 if with_class else 2:] + [""]
        return cls(owner, int(ttl), rdclass, dns.rdatatype.from_text(rdtype), rdata)

    def wire(self, origin, name=None):
        rdata = rdata_wire(self.rdtype, self.rdata, origin)
        return (name or name_of(self.owner, origin).to_wire()) + \
            struct.pack("!HHIH", self.rdtype, self.rdclass, self.ttl, len(rdata)) + rdata

    def item(self, origin):
        """((owner, type, RDATA), TTL) as content() has them."""
        owner = name_of(self.owner, origin).canonicalize()
        return (owner, self.rdtype, canonical(self.rdtype, rdata_wire(self.rdtype, self.rdata, origin))), self.ttl

    def text(self, origin):
        """As a line of a master file; a WKS, which few servers can read, by RFC 3597."""
        rdata, wire = self.rdata, rdata_wire(self.rdtype, self.rdata, origin)
        if self.rdtype == dns.rdatatype.WKS:
            rdata = f"\\# {len(wire)} {wire.hex()}"
        elif self.rdtype != KEY and not rdata.startswith("\\#"):
            rdata = dns.rdata.from_wire(IN, self.rdtype, wire, 0, len(wire)).to_text()
        return f"{name_of(self.owner, origin)} {self.ttl} IN {dns.rdatatype.to_text(self.rdtype)} {rdata}"


# ---- Cases ----

@dataclasses.dataclass
class Expected:
    rcode: str = "NOERROR"
    error: str = ""  # empty: as the request was signed, without error
    plus: list = dataclasses.field(default_factory=list)
    minus: list = dataclasses.field(default_factory=list)
    serial: int = None
    flaw: str = ""
    special: str = ""  # broken, skip

    def changes(self):
        return bool(self.plus or self.minus or self.serial is not None or self.special)


@dataclasses.dataclass
class Case:
    where: str
    title: str
    records: list
    lines: list = dataclasses.field(default_factory=list)  # (word, rest)
    expected: dict = dataclasses.field(default_factory=lambda: {"roost": Expected()})
    serial0: int = SERIAL
    why: str = ""
    zone: dns.name.Name = None

    def __str__(self):
        return f"{self.where} {self.title}"

    def words(self, word):
        return [rest for found, rest in self.lines if found == word]

    def expect(self, server):
        return self.expected.get(server) or self.expected["roost"]

    def add(self, word, rest):
        if word in ("bind", "knot", "both"):
            for server in ("bind", "knot") if word == "both" else (word,):
                expect(self.expected.setdefault(server, Expected()), *(rest.split(" ", 1) + [""])[:2])
            return
        if word[0] in "+-" or word in ("rcode", "error", "serial"):
            expect(self.expected["roost"], word, rest)
            return
        word, lines = repeated(word, rest)
        if word == "serial0":
            self.serial0 = int(rest)
        elif word == "record":
            self.records = self.records + [Line.parse(line, False) for line in lines]
        elif word == "why":
            self.why = rest
        else:
            assert word in ("zone", "prereq", "update", "additional", "flags", "header", "counts", "tcp", "edns", "unsigned", "key",
                            "tsig"), f"{self.where}: {word}"
            self.lines += [(word, line) for line in lines]


def expect(expected, word, rest):
    word, lines = repeated(word, rest)
    if word in "+-":
        (expected.plus if word == "+" else expected.minus).extend(Line.parse(line, False) for line in lines)
    elif word == "serial":
        expected.serial = int(rest)
    elif word in ("broken", "skip"):
        expected.special = word
    else:
        assert word in ("rcode", "error", "flaw"), word
        setattr(expected, word, rest)


def repeated(word, rest):
    word, _, count = word.partition("*")
    if not count:
        return word, [rest]
    return word, [part.replace("{i}", str(i)).replace("{hi}", str(i // 256)).replace("{lo}", str(i % 256))
                  for i in range(int(count)) for part in rest.split(" ; ")]


def roundtrips(where, rest, records):
    rfc, rdtype, rdata = re.fullmatch(r"(RFC \d+(?: §\S+)?) (\S+) (.*)", rest).groups()
    added = Case(where, f"{rfc} add {rdtype} {rdata}", records)
    added.add("update", f"new 300 IN {rdtype} {rdata}")
    added.add("+", f"new 300 {rdtype} {rdata}")
    deleted = Case(where, f"{rfc} test and delete {rdtype} {rdata}", records)
    deleted.add("record", f"new 300 {rdtype} {rdata}")
    deleted.add("prereq", f"new 0 IN {rdtype} {rdata}")
    deleted.add("update", f"new 0 NONE {rdtype} {rdata}")
    deleted.add("-", f"new 300 {rdtype} {rdata}")
    return [added, deleted]


def read(path):
    """The cases of a file."""
    with open(os.path.join(HERE, "zone.base"), encoding="utf-8") as base:
        records = [Line.parse(line.rstrip("\n"), False) for line in base]
    cases = []
    current = []
    with open(path, encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            line = line.rstrip("\n")
            if not line or line.startswith("#"):
                continue
            where = f"{os.path.basename(path)}:{number}"
            word, _, rest = line.partition(" ")
            if word in ("case", "roundtrip"):
                current = [Case(where, rest, records)] if word == "case" else roundtrips(where, rest, records)
                cases += current
            elif not current:
                assert word == "record", where
                records = records + [Line.parse(rest, False)]
            else:
                for case in current:
                    case.add(word, rest)
    give_zones(cases)
    return cases


def give_zones(cases):
    """Each case a zone that no case before it changes: a case that changes nothing leaves its zone to the next of the same content."""
    fresh = {}
    for number, case in enumerate(cases):
        content = (case.serial0, tuple(case.records))
        case.zone = fresh.get(content) or dns.name.Name((b"c%03d" % number,) + PARENT.labels)
        if any(expected.changes() for expected in case.expected.values()):
            fresh.pop(content, None)
        else:
            fresh[content] = case.zone


def master_file(case):
    lines = [record.text(case.zone) for record in case.records]
    return "\n".join(lines).replace(f" {SERIAL} ", f" {case.serial0} ", 1) + "\n"


def files():
    return sorted(glob.glob(os.path.join(HERE, "*.cases")))


# ---- The message ----

def compressed(name, zone, in_wire):
    """The name with a pointer to the zone's, which stands behind the header."""
    if not in_wire or not name.is_subdomain(zone):
        return name.to_wire()
    prefix = name.labels[:len(name.labels) - len(zone.labels)]
    return b"".join(bytes([len(label)]) + label for label in prefix) + struct.pack("!H", 0xc000 | HEADER)


def message(case):
    """(octets without a signature, counts)."""
    zones = [rest for rest in case.words("zone") if rest != "none"] if case.words("zone") else ["@ IN SOA"]
    body = b""
    for zone in zones:
        owner, rdclass, rdtype = zone.split()
        wire = name_of(owner, case.zone).to_wire()
        if "uppercase" in case.words("flags"):
            wire = wire.upper()
        body += wire + struct.pack("!HH", dns.rdatatype.from_text(rdtype), dns.rdataclass.from_text(rdclass))
    point = bool(zones) and zones[0].startswith("@ ") and "plain" not in case.words("flags")
    counts = [len(zones)]
    for word in ("prereq", "update", "additional"):
        lines = [Line.parse(rest, True) for rest in case.words(word)]
        counts.append(len(lines))
        for line in lines:
            body += line.wire(case.zone, compressed(name_of(line.owner, case.zone), case.zone, point))
    if case.words("edns"):
        body += b"\0" + struct.pack("!HHIH", OPT, UDP_MAX, 0, 0)
        counts[3] += 1
    if case.words("counts"):
        counts = [int(count) for count in case.words("counts")[0].split()]
    bits = dns.opcode.UPDATE << 11 | sum(int(bits, 16) for bits in case.words("header"))
    return struct.pack("!HH", MESSAGE_ID, bits), counts, body


class Signer:
    """Signs as RFC 8945 §4.3.3 says, except for what the `tsig` line wants otherwise:

    name, algorithm, class, ttl, original, error, other (hex), fudge, time (seconds from now), at (seconds since 1970): the record's
    mac=N: so many octets of it (or more); mac=flip: its last bit wrong; secret=wrong; tamper=yes: a bit of the message is changed
    signed_id, signed_fudge: signed in place of the true ones; request_mac (hex): signed before the message
    place=first, twice, updates; tail (hex) behind its RDATA; cut=N octets of it, or all
    """

    def __init__(self, key, options):
        self.key = KEYS[key]
        self.options = options
        self.now = int(options.get("at", int(time.time()) + int(options.get("time", 0))))
        self.name = dns.name.from_text(options.get("name", key + "."))
        full = self.key.dnspython().algorithm.to_text()
        self.algorithm = dns.name.from_text(options.get("algorithm", full))
        self.fudge = int(options.get("fudge", 300))
        self.mac = b""

    def digest(self, parts, secret=None):
        secret = secret or dns.tsig.Key("x", self.key.secret).secret
        return hmac.new(secret, b"".join(parts), HASHES[self.key.algorithm]).digest()

    def variables(self, now, fudge, error, other):
        return (self.name.canonicalize().to_wire() + struct.pack("!HI", ANY, 0) + self.algorithm.canonicalize().to_wire() +
                struct.pack("!HIHHH", now >> 32, now & 0xffffffff, fudge, error, len(other)) + other)

    def record(self, head, counts, body):
        get = self.options.get
        original = int(get("original", MESSAGE_ID))
        error, other = int(get("error", 0)), bytes.fromhex(get("other", ""))
        signed = struct.pack("!H", int(get("signed_id", original))) + head[2:] + struct.pack("!4H", *counts) + body
        mac = self.digest([bytes.fromhex(get("request_mac", "")), signed,
                           self.variables(self.now, int(get("signed_fudge", self.fudge)), error, other)],
                          b"wrong" if get("secret") == "wrong" else None)
        if get("mac") == "flip":
            mac = mac[:-1] + bytes([mac[-1] ^ 1])
        elif get("mac"):
            mac = (mac + b"\0" * 99)[:int(get("mac"))]
        self.mac = mac
        rdata = self.algorithm.to_wire() + struct.pack("!HIHH", self.now >> 32, self.now & 0xffffffff, self.fudge, len(mac)) + mac
        rdata += struct.pack("!HHH", original, error, len(other)) + other + bytes.fromhex(get("tail", ""))
        if get("cut"):
            rdata = b"" if get("cut") == "all" else rdata[:-int(get("cut"))]
        return self.name.to_wire() + struct.pack("!HHIH", TSIG, int(get("class", ANY)), int(get("ttl", 0)), len(rdata)) + rdata

    def sign(self, head, counts, body):
        record, place = self.record(head, counts, body), self.options.get("place")
        if self.options.get("tamper"):
            body = body[:-1] + bytes([body[-1] ^ 1])
        counts = counts[:3] + [counts[3] + 1]
        if place == "first":
            filler = b"\0" + struct.pack("!HHIH", dns.rdatatype.TXT, IN, 0, 1) + b"\0"
            body, counts[3] = body + record + filler, counts[3] + 1
        elif place == "twice":
            body, counts[3] = body + record + record, counts[3] + 1
        elif place == "updates":
            body, counts[2], counts[3] = body + record, counts[2] + 1, counts[3] - 1
        else:
            body += record
        return head + struct.pack("!4H", *counts) + body


# ---- The answer ----

def find_tsig(answer):
    """(octets before it, its owner, class, TTL, RDATA) of the last record, if it is a TSIG, else None."""
    counts = struct.unpack("!4H", answer[4:HEADER])
    at, last = HEADER, None
    for section, count in enumerate(counts):
        for _ in range(count):
            start = at
            owner, used = dns.name.from_wire(answer, at)
            at += used
            if section == 0:
                at += 4
                continue
            rdtype, rdclass, ttl, size = struct.unpack("!HHIH", answer[at:at + 10])
            last = (start, owner, rdtype, rdclass, ttl, answer[at + 10:at + 10 + size])
            at += 10 + size
    assert at == len(answer), "octets behind the answer"
    return last if last and last[2] == TSIG else None


def check_form(request, answer):
    """What every answer to an UPDATE owes (RFC 2136 §3.8)."""
    assert answer[:2] == request[:2], "another ID"
    bits = struct.unpack("!H", answer[2:4])[0]
    assert bits & 0x8000 and bits >> 11 & 15 == dns.opcode.UPDATE, f"bits {bits:04x}"
    assert not bits & 0x07f0, f"bits that UPDATE does not have: {bits:04x}"
    counts = struct.unpack("!4H", answer[4:10] + b"\0\0")
    assert counts in ((0, 0, 0, 0), (1, 0, 0, 0)) or counts[:3] == struct.unpack("!4H", request[4:HEADER])[:3], f"counts {counts}"


def check_tsig(signer, answer):
    """The answer's TSIG error as a name, `none` without a TSIG; the signature checked (RFC 8945 §5.3.2)."""
    found = find_tsig(answer)
    if not found:
        return "none"
    start, owner, _, rdclass, ttl, rdata = found
    algorithm, used = dns.name.from_wire(rdata, 0)
    high, low, fudge, size = struct.unpack("!HIHH", rdata[used:used + 10])
    mac, rest = rdata[used + 10:used + 10 + size], rdata[used + 10 + size:]
    original, error, other_size = struct.unpack("!HHH", rest[:6])
    assert original == int(signer.options.get("original", MESSAGE_ID)), "original ID"
    now, other = high << 32 | low, rest[6:]
    name = "NOERROR" if error == 0 else {16: "BADSIG", 17: "BADKEY", 18: "BADTIME", 22: "BADTRUNC"}.get(error, str(error))
    assert (rdclass, ttl, len(other)) == (ANY, 0, other_size), "class, TTL or other data of the TSIG"
    assert owner == signer.name and algorithm == signer.algorithm, f"{owner} {algorithm}"
    if name in ("BADKEY", "BADSIG"):
        assert not mac, f"{name} with a MAC"
        return name
    if name == "BADTIME":
        assert now == signer.now and fudge == signer.fudge, "time and fudge are not the client's"
        assert len(other) == 6 and abs(int.from_bytes(other, "big") - time.time()) < CLOCK_SLACK, f"other data {other.hex()}"
    else:
        assert not other and abs(now - time.time()) < CLOCK_SLACK, f"time {now}, other data {other.hex()}"
    counts = struct.unpack("!4H", answer[4:HEADER])
    plain = struct.pack("!H", original) + answer[2:4] + struct.pack("!4H", *counts[:3], counts[3] - 1) + answer[HEADER:start]
    wanted = signer.digest([struct.pack("!H", len(signer.mac)), signer.mac, plain, signer.variables(now, fudge, error, other)])
    assert mac == wanted[:len(mac)] and len(mac) == len(wanted), f"the MAC of the answer ({name})"
    return name


def exchange(server, packet, tcp, seconds):
    kind = socket.SOCK_STREAM if tcp else socket.SOCK_DGRAM
    with socket.socket(socket.AF_INET, kind) as sock:
        sock.settimeout(seconds)
        sock.connect((server.address, server.port))
        if not tcp:
            sock.send(packet)
            return sock.recv(65535)
        sock.sendall(struct.pack("!H", len(packet)) + packet)
        with sock.makefile("rb") as stream:
            size = stream.read(2)
            return stream.read(struct.unpack("!H", size)[0]) if len(size) == 2 else b""


def content(server, zone):
    """({(owner, type, RDATA): TTL}, serial) by AXFR."""
    items, serial = {}, None
    for part in roost.transfer(server, zone, key=KEYS["conf"]):
        for rrset in part.answer:
            for rdata in rrset:
                if rrset.rdtype == SOA:
                    serial = rdata.serial
                items[(rrset.name.canonicalize(), rrset.rdtype, canonical(rrset.rdtype, rdata.to_wire()))] = rrset.ttl
    return items, serial


# ---- The comparison ----

@dataclasses.dataclass
class Result:
    rcode: str
    error: str
    plus: frozenset
    minus: frozenset
    serial: int
    flaw: str = ""

    def difference(self, other, zone):
        """What is not as in the other, a line each."""
        lines = [f"{what} {getattr(self, what)} in place of {getattr(other, what)}" for what in ("rcode", "error", "serial", "flaw")
                 if getattr(self, what) != getattr(other, what)]
        for sign, mine, theirs in (("+", self.plus, other.plus), ("-", self.minus, other.minus)):
            for note, some in (("", mine - theirs), (" (missing)", theirs - mine)):
                shown = [f"{sign} {show(item, zone)}{note}" for item in sorted(some)]
                lines += shown[:6] + ["…"] * (len(shown) > 6)
        return lines


def show(item, zone):
    (owner, rdtype, octets), ttl = item
    rdata = dns.rdata.from_wire(IN, rdtype, octets, 0, len(octets)).to_text(zone)
    return f"{owner.relativize(zone)} {ttl} {dns.rdatatype.to_text(rdtype)} {rdata[:80]}"


def wanted(case, server):
    expected = case.expect(server)
    plus, minus = (frozenset(line.item(case.zone) for line in lines) for lines in (expected.plus, expected.minus))
    changed = bool(plus or minus)
    serial = expected.serial if expected.serial is not None else (case.serial0 + changed) % (1 << 32)
    error = expected.error or ("none" if case.words("unsigned") or expected.flaw else "NOERROR")
    return Result(expected.rcode, error, plus, minus, serial, expected.flaw)


def run(case, server, seconds=roost.PATIENCE):
    """Sends the case, and looks at answer and zone. OSError without an answer, DNSException if the zone cannot be read."""
    head, counts, body = message(case)
    signer = None
    packet = head + struct.pack("!4H", *counts) + body
    if not case.words("unsigned"):
        options = dict(word.split("=", 1) for line in case.words("tsig") for word in line.split())
        signer = Signer((case.words("key") or ["conf"])[0], options)
        packet = signer.sign(head, counts, body)
    before = {item[0]: item[1] for item in (record.item(case.zone) for record in case.records)}
    answer = exchange(server, packet, bool(case.words("tcp")) or len(packet) > UDP_MAX, seconds)
    flaw, error = "", "none"
    try:
        check_form(packet, answer)
        error = check_tsig(signer, answer) if signer else "none" if not find_tsig(answer) else "TSIG to an unsigned request"
    except (AssertionError, dns.exception.DNSException, struct.error) as wrong:
        flaw = str(wrong) or repr(wrong)
    after, serial = content(server, case.zone)
    rcode = dns.rcode.to_text(answer[3] & 15) if len(answer) > 3 else "no answer"
    return Result(rcode, error, frozenset(after.items() - before.items()), frozenset(before.items() - after.items()), serial, flaw)
