"""Messages that a name server has no use for, of many kinds: what tests/e2e/test_flood.py and tests/bench/flood send."""
import random
import struct

import dns.message
import dns.opcode
import dns.rdatatype
import dns.update
import roost
from test_hostile import HEADER, header, opt, question, record, signed, tsig

MESSAGES = 200  # of each kind
WITH_RECORDS = (dns.opcode.QUERY, dns.opcode.UPDATE)  # of which the server looks at every record
LARGEST_UDP = 4096  # octets; the server takes no more from a datagram, and over that it is a matter of the kernel


def bomb(size, labels, opcode):
    """As much compression as there is room for: records of two names, all of which lead by a chain of pointers to one long name."""
    rdata = b"\1x" * labels + b"\0"
    target = at = HEADER + 11
    at += len(rdata)
    for _ in range(120):
        rdata += struct.pack("!H", 0xc000 | target)
        target, at = at, at + 2
    pointer = struct.pack("!H", 0xc000 | target)
    first = b"\0" + struct.pack("!HHIH", dns.rdatatype.NULL, 1, 0, len(rdata)) + rdata
    each = pointer + struct.pack("!HHIH", dns.rdatatype.MINFO, 1, 0, 4) + 2 * pointer
    count = (size - HEADER - len(first)) // len(each)
    return header(flags=opcode << 11, counts=(0, 0, count + 1, 0)) + first + count * each


def flipped(rng, wire):
    damaged = bytearray(wire)
    for _ in range(rng.choice((1, 2, 8))):
        damaged[rng.randrange(len(damaged))] ^= 1 << rng.randrange(8)
    return bytes(damaged)


def long_name(rng):
    return b"".join(b"\x3f" + rng.randbytes(63) for _ in range(3)) + b"\x3d" + rng.randbytes(61) + b"\0"


def update(rng, zone):
    message = dns.update.UpdateMessage(zone)
    for number in range(rng.choice((1, 3, 20))):
        message.add(f"x{number}", 300, "A", "192.0.2.1")
    return message


def queries(zone):
    """Well-formed ones, to be damaged."""
    return [header() + question(zone), header(counts=(1, 0, 0, 1)) + question(zone) + opt(options=struct.pack("!HH8s", 10, 8, b"cookie--")),
            dns.message.make_query(zone, "MX", want_dnssec=True).to_wire(), dns.update.UpdateMessage(zone).to_wire()]


def kinds(zone, key):
    """{what it is: [message]}. The key is one that the server has."""
    rng = random.Random(20261121)
    stranger = roost.Key("stranger.example")
    forger = roost.Key(key.name, algorithm=key.algorithm)
    good = queries(zone)
    made = {
        "random octets": lambda: rng.randbytes(rng.choice((0, 1, 12, 40, 300, 1200))),
        "a header and random octets": lambda: header(flags=rng.choice((0, 0x2800))) + rng.randbytes(rng.randrange(100)),
        "cut off": lambda: (lambda wire: wire[:rng.randrange(len(wire))])(rng.choice(good)),
        "wrong bits": lambda: flipped(rng, rng.choice(good)),
        "answers": lambda: header(flags=0x8400, counts=(1, 0, 0, 0)) + question(zone),
        "unknown opcodes": lambda: header(flags=rng.choice((1, 2, 3, 6, 9, 15)) << 11) + question(zone),
        "long names": lambda: header() + question(long_name(rng)),
        "compression": lambda: bomb(LARGEST_UDP, rng.randrange(1, 128), rng.choice(WITH_RECORDS)),
        "bad EDNS": lambda: header(counts=(1, 0, 0, 1)) + question(zone) + rng.choice((
            opt(version=9), opt(options=b"\0\x0a\0\x09cookie--"), opt(options=b"\0\x0a\0"), opt() + opt(), opt(options=b"\0\3\0\0" * 250))),
        "unknown TSIG keys": lambda: signed(dns.message.make_query(zone, "SOA"), stranger),
        "wrong MACs": lambda: signed(dns.message.make_query(zone, "SOA"), forger),
        "short MACs": lambda: header(counts=(1, 0, 0, 1)) + question(zone) + tsig(key.name, key.algorithm, mac=rng.randbytes(10)),
        "unsigned updates": lambda: update(rng, zone).to_wire(),
        "forged updates": lambda: signed(update(rng, zone), forger),
        "updates of other zones": lambda: update(rng, "elsewhere.example").to_wire(),
        "foreign names": lambda: header() + question(f"n{rng.randrange(1 << 30)}.elsewhere.example", dns.rdatatype.A),
        "names that are not there": lambda: header() + question(f"n{rng.randrange(1 << 30)}.{zone}", dns.rdatatype.A),
        "many records": lambda: header(counts=(1, 60, 0, 0)) + question(zone) + 60 * record(b"\xc0\x0c", dns.rdatatype.A, 1, 60, b"\1\2\3\4"),
    }
    return {what: [make() for _ in range(MESSAGES)] for what, make in made.items()}


def large():
    """For TCP: the longest there are."""
    rng = random.Random(20261122)
    return {"compression, 64 KB": [bomb(65535, labels, opcode) for labels in (1, 60, 127) for opcode in WITH_RECORDS],
            "random, 64 KB": [header(flags=0x2800, counts=(1, 0, 65535, 0)) + question() + rng.randbytes(65000) for _ in range(3)],
            "records, 64 KB": [header(flags=0x2800, counts=(0, 0, 5000, 0)) + 5000 * record(b"\0", dns.rdatatype.NULL, 1, 0, b"")]}
