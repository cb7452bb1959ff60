"""Random UPDATE messages, valid and odd, to Roost, BIND and Knot, each with the same zone: after every one the RCODE and the whole zone.

Where BIND and Knot agree, Roost must do the same; where they do not, it must do as one of them. ALLOWED lists what is meant to differ.
Whoever ends with another zone than Roost is brought to Roost's before the next message, so that one difference is told once.
"""
import dataclasses
import os
import random
import struct
import tempfile

import dns.exception
import dns.message
import dns.name
import dns.opcode
import dns.query
import dns.rcode
import dns.rdata
import dns.rdataclass
import dns.rdatatype

import compare
import servers
import world as worlds
from servers import peers, roost

META = (dns.rdatatype.ANY, dns.rdatatype.AXFR)  # of those that spoiled() makes
IN, CH, NONE, ANY = dns.rdataclass.IN, dns.rdataclass.CH, dns.rdataclass.NONE, dns.rdataclass.ANY
SECONDS = 5  # for an answer
SHOWN = 12  # records of a kind, of one difference
RRSET_MAX = 8  # records, for zones that are quick to transfer


# ---- Messages ----

@dataclasses.dataclass(frozen=True)
class Record:
    owner: dns.name.Name
    rdclass: int
    rdtype: int
    ttl: int = 0
    rdata: bytes = b""

    def wire(self):
        return self.owner.to_wire() + struct.pack("!HHIH", self.rdtype, self.rdclass, self.ttl, len(self.rdata)) + self.rdata

    def __str__(self):
        data = ""
        if self.rdata:
            try:
                data = dns.rdata.from_wire(IN, self.rdtype, self.rdata, 0, len(self.rdata)).to_text()
            except dns.exception.DNSException:
                data = "\\# " + self.rdata.hex()
        rdclass, rdtype = dns.rdataclass.to_text(self.rdclass), dns.rdatatype.to_text(self.rdtype)
        return f"{self.owner} {self.ttl} {rdclass} {rdtype} {data}".rstrip()


@dataclasses.dataclass(frozen=True)
class Update:
    zone: Record
    prerequisites: tuple
    updates: tuple

    def wire(self, number):
        header = struct.pack("!HHHHHH", number, dns.opcode.UPDATE << 11, 1, len(self.prerequisites), len(self.updates), 0)
        question = self.zone.owner.to_wire() + struct.pack("!HH", self.zone.rdtype, self.zone.rdclass)
        return header + question + b"".join(record.wire() for record in self.prerequisites + self.updates)

    def __str__(self):
        lines = [f"zone {self.zone}"]
        lines += [f"prerequisite {record}" for record in self.prerequisites] + [f"update {record}" for record in self.updates]
        return "\n".join(lines)


def above_of(name, apex):
    """The names above it, up to the apex; none outside of the zone."""
    return list(worlds.ancestors(name, apex)) if name.is_subdomain(apex) else []


class Maker:
    """Makes messages for a zone as it is now: {(owner, type): (TTL, [RDATA octets])}."""

    def __init__(self, rng, apex):
        self.rng = rng
        self.apex = apex
        self.data = worlds.Maker(rng, [apex])
        self.content = {}

    def owner(self):
        """Seldom below a DNAME: Knot refuses every update as long as there is one."""
        name = self.any_owner()
        if any((above, dns.rdatatype.DNAME) in self.content for above in above_of(name, self.apex)):
            name = self.any_owner()
        return name

    def any_owner(self):
        chance = self.rng.random()
        name = self.rng.choice(list(self.content))[0]
        if chance < 0.03:
            return self.rng.choice(worlds.OUTSIDE)
        if chance < 0.1:
            return self.apex
        if chance < 0.4:
            name = worlds.joined([worlds.random_label(self.rng) for _ in range(self.rng.choice((1, 1, 2)))], name) or name
        return worlds.any_case(self.rng, name) if self.rng.random() < 0.1 else name

    def types_at(self, owner):
        return [rdtype for name, rdtype in self.content if name == owner]

    def rdtype(self, owner):
        here = self.types_at(owner)
        if here and self.rng.random() < 0.5:
            return self.rng.choice(here)
        return dns.rdatatype.from_text(self.rng.choice(TYPES))

    def rdata(self, owner, rdtype):
        """One of those that are there, or another."""
        there = self.content.get((owner, rdtype), (0, ()))[1]
        if there and self.rng.random() < 0.5:
            return self.rng.choice(there)
        if rdtype == dns.rdatatype.NS and owner == self.apex:  # not a name in the zone: BIND wants its address then
            return self.rng.choice(worlds.OUTSIDE).to_wire()
        if rdtype == dns.rdatatype.SOA:
            now = self.content[(self.apex, rdtype)][1][0]
            # Far from now: the servers do not count their serials alike.
            serial, = struct.unpack("!I", now[-20:-16])
            return now[:-20] + struct.pack("!I", serial + self.rng.choice((-1 << 20, 1 << 20)) & 0xffffffff) + now[-16:]
        text = dns.rdatatype.to_text(rdtype)
        text = self.data.pointer() if text in ("CNAME", "DNAME") else self.data.data(text)
        return dns.rdata.from_text(IN, rdtype, text).to_wire(origin=dns.name.root)

    def ttl(self, owner, rdtype):
        """Mostly that of the RRset. Always that of SOA and NS at the apex: where Knot keeps the old one, nobody can change it."""
        now = self.content.get((owner, rdtype))
        if now and (self.rng.random() < 0.8 or owner == self.apex and rdtype in (dns.rdatatype.SOA, dns.rdatatype.NS)):
            return now[0]
        return self.rng.choice(worlds.TTLS)

    def prerequisite(self):
        rng, owner = self.rng, self.owner()
        rdtype = self.rdtype(owner)
        kind = rng.random()
        if kind < 0.25:
            return [Record(owner, rng.choice((ANY, NONE)), dns.rdatatype.ANY)]
        if kind < 0.5 or rdtype == dns.rdatatype.SOA:
            return [Record(owner, rng.choice((ANY, NONE)), rdtype)]
        there = self.content.get((owner, rdtype), (0, ()))[1]
        records = [Record(owner, IN, rdtype, 0, rdata) for rdata in there]
        if not records or rng.random() < 0.3:
            records.append(Record(owner, IN, rdtype, 0, self.rdata(owner, rdtype)))
        if rng.random() < 0.2:
            rng.shuffle(records)
            records.pop()
        return records

    def update(self):
        rng, owner = self.rng, self.owner()
        rdtype = self.rdtype(owner)
        kind = rng.random()
        if owner.is_wild() and rdtype in (dns.rdatatype.NS, dns.rdatatype.DNAME):  # meaning nothing in particular (RFC 4592 §4.2, §4.4)
            rdtype = dns.rdatatype.A
        if rdtype == dns.rdatatype.DNAME and any(owner in above_of(name, self.apex) for name, _ in self.content):
            rdtype = dns.rdatatype.TXT
        if kind < 0.55:
            return Record(owner, IN, rdtype, self.ttl(owner, rdtype), self.rdata(owner, rdtype))
        if kind < 0.7:
            return Record(owner, NONE, rdtype, 0, self.rdata(owner, rdtype))
        if kind < 0.9:
            return Record(owner, ANY, rdtype)
        return Record(owner, ANY, dns.rdatatype.ANY)

    def spoiled(self, record):
        """The record with one thing wrong."""
        changes = ({"ttl": 1}, {"rdclass": CH}, *({"rdtype": rdtype} for rdtype in META), {"rdata": b"x"},
                   {"rdata": b""}, {"rdclass": NONE}, {"rdclass": ANY}, {"rdclass": IN}, {"owner": self.rng.choice(worlds.OUTSIDE)})
        return dataclasses.replace(record, **self.rng.choice(changes))

    def message(self):
        rng = self.rng
        zone = Record(self.apex, IN, dns.rdatatype.SOA)
        # Once each: BIND counts a record that stands twice as two (an RRset is a set, RFC 2136 §1.1.1).
        prerequisites = list(dict.fromkeys(record for _ in range(rng.choice((0, 0, 0, 1, 2))) for record in self.prerequisite()))
        updates = [self.update() for _ in range(rng.choice((0, 1, 1, 2, 3, 6)))]
        if rng.random() < 0.15:
            spoil = rng.choice((prerequisites, updates))
            if spoil:
                at = rng.randrange(len(spoil))
                spoil[at] = self.spoiled(spoil[at])
        if rng.random() < 0.02:
            zone = dataclasses.replace(zone, **rng.choice(({"owner": worlds.OUTSIDE[0]}, {"rdtype": dns.rdatatype.A}, {"rdclass": CH})))
        return Update(zone, tuple(prerequisites), tuple(updates))


TYPES = ["A", "A", "A", "AAAA", "TXT", "TXT", "MX", "CNAME", "CNAME", "CNAME", "DNAME", "NS", "NS", "SOA", "SRV", "PTR", "CAA", "HTTPS",
         "TYPE65280"]


# ---- Servers ----

def start(world):
    """(roostd, [its peers]) with the World's first zone, all of which take updates from anybody."""
    directory = tempfile.mkdtemp(prefix="model-", dir=roost.scratch)
    zone = world.zones[0]
    path = os.path.join(directory, zone.name())
    with open(path, "w", encoding="ascii") as out:
        out.write(zone.text())
    db = os.path.join(directory, "roost.db")
    roost.roostctl(db, "init")
    roost.roostctl(db, "zone", "import", zone.name(), path)
    for action in ("update", "transfer"):
        roost.roostctl(db, "grant", "add", zone.name(), action, "--from", "127.0.0.0/8")
    paths = {zone.name(): path}
    others = [peer(paths, updates=True) for peer in (peers.BindPrimary, peers.KnotPrimary)]
    roostd = roost.Roostd(db)
    for server in [roostd, *others]:
        servers.wait_for_zones(server, paths)
    return roostd, others


def send(server, update, number):
    """The RCODE as text, or what came instead."""
    wire = update.wire(number)
    with dns.query.socket_factory(dns.query.socket.AF_INET, dns.query.socket.SOCK_STREAM, 0) as sock:
        sock.settimeout(SECONDS)
        sock.connect((server.address, server.port))
        sock.sendall(struct.pack("!H", len(wire)) + wire)
        try:
            length = sock.recv(2, dns.query.socket.MSG_WAITALL)
            answer = sock.recv(struct.unpack("!H", length)[0], dns.query.socket.MSG_WAITALL)
        except (OSError, struct.error):
            return "no answer"
    return dns.rcode.to_text(dns.rcode.from_flags(struct.unpack_from("!H", answer, 2)[0], 0))


def content(server, zone):
    """{(owner, type): (TTL, [RDATA octets])} from a transfer."""
    found = {}
    for message in roost.transfer(server, zone):
        for rrset in message.answer:
            ttl, data = found.setdefault((rrset.name, rrset.rdtype), (rrset.ttl, []))
            data += [wire for wire in (rdata.to_wire(origin=dns.name.root) for rdata in rrset) if wire not in data]
    return found


def in_order(found):
    """The same in the same order every time, as a Maker needs it: Roost's own hangs on a key that it draws when it starts."""
    keys = sorted(found, key=lambda key: (key[0].to_digestable(), key[1]))
    return {key: (found[key][0], sorted(found[key][1])) for key in keys}


def comparable(found):
    """What must be the same: all but the case of letters, and the serial."""
    same = set()
    for (owner, rdtype), (ttl, data) in found.items():
        for rdata in data:
            wire = rdata.lower()
            if rdtype == dns.rdatatype.SOA:
                wire = wire[:-20] + wire[-16:]
            same.add((owner.to_digestable(), ttl, dns.rdatatype.to_text(rdtype), wire))
    return frozenset(same)


def repair(server, apex, found, wanted):
    """Brings the server's zone from `found` to `wanted`; whether that went well. In two messages: where a record is deleted and added
    in one, Knot keeps the old TTL."""
    keys = [key for key in {**found, **wanted}
            if comparable({key: found.get(key, (0, ()))}) != comparable({key: wanted.get(key, (0, ()))})]
    gone = [Record(owner, ANY, rdtype) for owner, rdtype in keys]
    gone += [Record(*key[:1], NONE, key[1], 0, rdata) for key in keys for rdata in found.get(key, (0, ()))[1]]
    back = [Record(*key[:1], IN, key[1], wanted[key][0], rdata) for key in keys if key in wanted for rdata in wanted[key][1]]
    for updates in (gone, back):
        send(server, Update(Record(apex, IN, dns.rdatatype.SOA), (), tuple(updates)), 1)
    return comparable(content(server, apex)) == comparable(wanted)


# ---- What is meant to differ ----

# (reason, whether it is this difference: by Update, Roost's (RCODE, zone), {peer: (RCODE, zone)}, the zone before)
ALLOWED = [
    ("RFC 6672 §5.2: a DNAME is added whatever is below it; BIND and Knot refuse some, with the whole message",
     lambda update, mine, theirs, _before: mine[0] == "NOERROR" and "REFUSED" in [rcode for rcode, _ in theirs] and
     any(record.rdtype == dns.rdatatype.DNAME and record.rdclass == IN for record in update.updates)),
    ("RFC 2136 §3.1.2: a zone of another class is none of ours, so NOTAUTH; BIND and Knot say NOTIMP",
     lambda update, mine, _theirs, before: update.zone.rdclass == CH and mine == ("NOTAUTH", before)),
    ("RFC 2136 §3.2.5: a prerequisite of a meta type is not met, which counts before what the update section has wrong (§3.4.1); for Knot "
     "it is malformed, and BIND looks at the update section first",
     lambda update, mine, theirs, before: mine == ("NXRRSET", before) and {after for _, after in theirs} == {before} and
     {rcode for rcode, _ in theirs} <= {"FORMERR", "NOTZONE"} and
     any(record.rdclass == IN and record.rdtype in META for record in update.prerequisites)),
]


# ---- The comparison ----

@dataclasses.dataclass
class Difference:
    seed: int
    number: int
    update: Update
    before: frozenset
    results: dict

    def __str__(self):
        lines = [f"updates of seed {self.seed}, message {self.number}:", str(self.update)]
        mine = next(iter(self.results.values()))
        names = {record.owner.to_digestable() for record in self.update.prerequisites + self.update.updates}
        here = [f"before: {show(record)}" for record in sorted(self.before) if record[0] in names]
        lines += here[:SHOWN] + ["before: …"] * (len(here) > SHOWN)
        for server, (rcode, after) in self.results.items():
            lines.append(f"{server}: {rcode}")
            changes = [f"  + {show(record)}" for record in sorted(after - self.before)]
            changes += [f"  - {show(record)}" for record in sorted(self.before - after)]
            lines += changes[:SHOWN] + ["  …"] * (len(changes) > SHOWN)
            if after != mine[1]:
                lines += [f"  more than Roost: {show(record)}" for record in sorted(after - mine[1])[:SHOWN]]
                lines += [f"  less than Roost: {show(record)}" for record in sorted(mine[1] - after)[:SHOWN]]
        return "\n".join(lines)


def show(record):
    owner, ttl, rdtype, rdata = record
    return str(Record(dns.name.from_wire(owner, 0)[0], IN, dns.rdatatype.from_text(rdtype), ttl, rdata))


def zone_for_updates(seed):
    """A World whose first zone is small, with name servers outside of it: BIND refuses to be left without their addresses. It also
    takes away a DS that has no NS beside it, so there is none."""
    world = worlds.World(seed)
    zone = world.zones[0]
    zone.rrsets = {key: value for key, value in zone.rrsets.items() if len(value[1]) <= RRSET_MAX and key[1] != dns.rdatatype.DS}
    zone.rrsets[(zone.apex, dns.rdatatype.NS)] = (3600, [worlds.text_of(name) for name in worlds.OUTSIDE[:2]])
    return world


def sequence(seed, world, rng, messages):
    """Yields the Difference, or None, of each message, until the peers cannot follow any more or one of them ends."""
    roostd, others = start(world)
    apex = world.zones[0].apex
    maker = Maker(rng, apex)
    try:
        for number in range(messages):
            maker.content = in_order(content(roostd, apex))
            before = comparable(maker.content)
            update = maker.message()
            results, contents = {}, {}
            for server in [roostd, *others]:
                rcode = send(server, update, number)
                try:
                    contents[server.name] = content(server, apex)
                except dns.exception.FormError:
                    assert server is not roostd, f"the zone is malformed after {update}"
                    return  # Knot 3.2 keeps CAA that are not whole, and gives them to others
                results[server.name] = (rcode, comparable(contents[server.name]))
            mine, theirs = results[roostd.name], [results[other.name] for other in others]
            good = all(compare.agrees(mine[part], [result[part] for result in theirs]) for part in (0, 1)) or \
                any(condition(update, mine, theirs, before) for _, condition in ALLOWED)
            yield None if good else Difference(seed, number, update, before, results)
            if not all(repair(other, apex, contents[other.name], contents[roostd.name]) for other in others
                       if results[other.name][1] != mine[1]):
                return
    except OSError:
        # Knot 3.2 falls over some updates: that is its own affair.
        roost.wait_until(lambda: not all(other.running() for other in others), what="the end of a peer that does not answer")
    finally:
        servers.stop(roostd, others)


def run(seed, messages):
    """The Differences over so many messages, in as many sequences as it takes."""
    world = zone_for_updates(seed)
    rng = random.Random(f"updates {seed}")
    found, sent = [], 0
    while sent < messages:
        results = list(sequence(seed, world, rng, messages - sent))
        found += [difference for difference in results if difference]
        sent += max(1, len(results))
    return found
