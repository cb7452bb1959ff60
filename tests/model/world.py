"""Zones made at random: a seed gives always the same World, a few zones with what a zone may hold that is hard to answer from.

Few labels, so that names meet: wildcards at any depth, empty non-terminals, CNAME and DNAME chains and loops within a zone and
between zones, delegations with and without glue, names below a cut, odd octets and upper case in labels, names of 255 octets,
RRsets too large for UDP, many types at a name, a child zone beside its parent (delegated there or not).
"""
import copy
import os
import random

import dns.name
import dns.rdata
import dns.rdataclass
import dns.rdatatype

ADDRESSES = (dns.rdatatype.A, dns.rdatatype.AAAA)
COMMON = [b"a", b"b", b"c", b"d", b"*", b"*"]
RARE = [b"A", b"Bb", b"e", b"f", b"ns", b"_tcp", b"-", b"**", b"*a", b"a*", b"\0", b"\0\0", b" ", b".", b"a.b", b"a\\b", b"\\",
        b"\xff", b"\xc0\x0c", b"\"", b"@", b"$", b";", b"(", b"\x7f", b"1", b"[", b"{", b"Z", b"\xe4\xc4",
        b"x" * 63, b"Y" * 63, b"*" + b"x" * 62]
TTLS = [0, 1, 60, 300, 3600, 86400, 2147483647]
OUTSIDE = [dns.name.from_text(text) for text in ("www.elsewhere.invalid.", "test.", ".", "xm.test.", "m.test.com.")]


def random_label(rng):
    return rng.choice(COMMON) if rng.random() < 0.75 else rng.choice(RARE)


def joined(labels, name):
    """The name with labels before it, or None when that is over 255 octets."""
    try:
        return dns.name.Name(tuple(labels) + name.labels)
    except dns.name.NameTooLong:
        return None


def any_case(rng, name):
    """The name in other letters: upper and lower case are the same (RFC 4343)."""
    return dns.name.Name(bytes(byte ^ 0x20 if chr(byte).isalpha() and byte < 128 and rng.random() < 0.5 else byte for byte in label)
                         for label in name.labels)


PLAIN_OCTETS = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_*")


def text_of(name):
    """The name as a master file has it. Every odd octet by number: the peers do not agree on which may stand for themselves."""
    labels = ["".join(chr(byte) if byte in PLAIN_OCTETS else f"\\{byte:03}" for byte in label) for label in name.labels]
    return ".".join(labels) if len(labels) > 1 else "."


class Zone:
    """`rrsets`: {(owner, type): (ttl, [RDATA text])}; owners compare without regard to case."""

    def __init__(self, apex):
        self.apex = apex
        self.rrsets = {}

    def name(self):
        return self.apex.to_text(omit_final_dot=True)

    def add(self, owner, rdtype, ttl, data):
        key = (owner, dns.rdatatype.from_text(rdtype))
        if data:
            self.rrsets[key] = (ttl, list(dict.fromkeys(data)))

    def has(self, owner, rdtype):
        return (owner, dns.rdatatype.from_text(rdtype)) in self.rrsets

    def types(self, owner):
        return [rdtype for name, rdtype in self.rrsets if name == owner]

    def owners(self):
        return list(dict.fromkeys(owner for owner, _ in self.rrsets))

    def records(self, owner, rdtype):
        """The RRset as compare.records has it: a list of (owner, TTL, type, RDATA)."""
        ttl, data = self.rrsets.get((owner, rdtype), (0, ()))
        return [(owner.to_digestable(), ttl, dns.rdatatype.to_text(rdtype),
                 dns.rdata.from_text(dns.rdataclass.IN, rdtype, text).to_wire(origin=dns.name.root).lower()) for text in data]

    def text(self):
        lines = []
        for (owner, rdtype), (ttl, data) in self.rrsets.items():
            lines += [f"{text_of(owner)}\t{ttl}\tIN\t{dns.rdatatype.to_text(rdtype)}\t{rdata}" for rdata in data]
        return "\n".join(lines) + "\n"

    def only(self, keys):
        """A copy with these RRsets, and those at the apex without which there is no zone."""
        other = Zone(self.apex)
        needed = ((self.apex, dns.rdatatype.SOA), (self.apex, dns.rdatatype.NS))
        other.rrsets = {key: value for key, value in self.rrsets.items() if key in keys or key in needed}
        return other


class Maker:
    """Fills the zones of a World."""

    def __init__(self, rng, apexes):
        self.rng = rng
        self.zones = [Zone(apex) for apex in apexes]
        self.pool = {zone.apex: self.names(zone.apex) for zone in self.zones}
        self.everything = [name for names in self.pool.values() for name in names]

    def names(self, apex):
        names = [apex]
        for _ in range(self.rng.randint(8, 60)):
            base = apex if self.rng.random() < 0.4 else self.rng.choice(names)
            name = joined([random_label(self.rng) for _ in range(self.rng.choice((1, 1, 1, 2, 3)))], base)
            if name and name not in names:
                names.append(name)
        if self.rng.random() < 0.5:
            names.append(self.longest(self.rng.choice(names)))
        return names

    def longest(self, base):
        """A name of 255 octets, or a little less, below base."""
        room = 255 - self.rng.choice((0, 0, 1, 2, 14)) - sum(len(label) + 1 for label in base.labels)
        labels = []
        while room > 1:
            size = min(room - 1, 63)
            if room - size - 1 == 1:
                size -= 1
            labels.append(self.rng.choice((b"l", b"M")) * size)
            room -= size + 1
        return joined(labels, base)

    def target(self):
        """A name to point to: there, nearly there, or nobody's."""
        chance = self.rng.random()
        if chance < 0.08:
            return self.rng.choice(OUTSIDE)
        name = self.rng.choice(self.everything)
        if chance < 0.3:
            name = joined([random_label(self.rng)], name) or name
        return any_case(self.rng, name) if self.rng.random() < 0.1 else name

    def pointer(self):
        return text_of(self.target())

    # ---- RDATA of one type, one function each ----

    def a(self):
        return f"192.0.{self.rng.randrange(256)}.{self.rng.randrange(256)}"

    def aaaa(self):
        return f"2001:db8::{self.rng.randrange(1, 65536):x}"

    def txt(self):
        kind = self.rng.random()
        if kind < 0.1:
            return '""'
        if kind < 0.2:
            return " ".join(f'"{self.rng.choice("xyz") * self.rng.choice((1, 100, 255))}"' for _ in range(self.rng.randint(1, 4)))
        return f'"{self.rng.choice(("text", "Text", "a b", chr(92) + "000" + chr(92) + "255", chr(92) + chr(34)))}{self.rng.randrange(99)}"'

    def data(self, rdtype):
        rng = self.rng
        number = rng.randrange(65536)
        simple = {
            "A": self.a, "AAAA": self.aaaa, "TXT": self.txt, "SPF": self.txt,
            "MX": lambda: f"{number} {self.pointer()}",
            "SRV": lambda: f"{number} 0 443 {self.pointer()}",
            "PTR": self.pointer,
            "NS": self.pointer,
            "KX": lambda: f"{number} {self.pointer()}",
            "AFSDB": lambda: f"1 {self.pointer()}",
            "RT": lambda: f"{number} {self.pointer()}",
            "RP": lambda: f"{self.pointer()} {self.pointer()}",
            "NAPTR": lambda: f'{number} 1 "s" "SIP+D2U" "" {self.pointer()}',
            "HINFO": lambda: '"PC" "Unix"',
            "CAA": lambda: f'0 issue "ca{number % 9}.example"',
            "SSHFP": lambda: f"1 1 {rng.randbytes(20).hex()}",
            "TLSA": lambda: f"3 1 1 {rng.randbytes(32).hex()}",
            "DS": lambda: f"{number} 13 2 {rng.randbytes(32).hex()}",
            "LOC": lambda: "52 14 05.000 N 0 8 50.000 E 10.00m 1.00m 10000.00m 10.00m",
            "HTTPS": lambda: f"{rng.choice((0, 1))} {self.pointer()}",
            "SVCB": lambda: f"{number or 1} {self.pointer()} alpn=\"h2,h3\" port=53",
            "EUI48": lambda: "00-00-5e-00-53-2a",
            "URI": lambda: f'10 {number} "ftp://example/"',
            "CERT": lambda: f"PKIX {number} RSASHA256 AAECAwQ=",
            "TYPE65280": lambda: f"\\# 4 {rng.randbytes(4).hex()}",
            "TYPE1234": lambda: "\\# 0",
        }
        return simple[rdtype]()

    def some(self, rdtype, count=None):
        return [self.data(rdtype) for _ in range(count or self.rng.choice((1, 1, 1, 2, 3, 7)))]

    # ---- what stands at a name ----

    def plain(self, zone, owner, count):
        for rdtype in self.rng.sample(PLAIN, count) if count > 3 else [self.rng.choice(COMMON_TYPES) for _ in range(count)]:
            zone.add(owner, rdtype, self.rng.choice(TTLS), self.some(rdtype))

    def big(self, zone, owner):
        rdtype, count = self.rng.choice((("A", 30), ("A", 95), ("AAAA", 45), ("TXT", 20), ("MX", 25), ("SRV", 30), ("NAPTR", 20)))
        zone.add(owner, rdtype, self.rng.choice(TTLS), self.some(rdtype, count))
        self.plain(zone, owner, 1)

    def cut(self, zone, owner):
        """A delegation: with glue below, a name server elsewhere, or nothing to find it by; rarely a large one."""
        rng = self.rng
        servers = []
        for _ in range(rng.choice((1, 1, 2, 3, 13))):
            if rng.random() < 0.6:
                below = joined([random_label(rng)] if rng.random() < 0.8 else [random_label(rng), b"ns"], owner) or owner
                servers.append(rng.choice((below, below, owner)))
                for rdtype in rng.choice(((), ("A",), ("AAAA",), ("A", "AAAA"))):
                    zone.add(servers[-1], rdtype, rng.choice(TTLS), self.some(rdtype, rng.choice((1, 1, 4))))
            else:
                servers.append(self.target())
        zone.add(owner, "NS", rng.choice(TTLS), [text_of(server) for server in servers])
        if rng.random() < 0.4:
            zone.add(owner, "DS", rng.choice(TTLS), self.some("DS"))
        if rng.random() < 0.2:
            self.plain(zone, owner, 1)

    def fill(self, zone):
        rng = self.rng
        taken = set()
        for owner in self.pool[zone.apex][1:]:
            if owner in taken or zone.types(owner):
                continue
            taken.add(owner)
            what = rng.random()
            if what < 0.12:
                continue
            if what < 0.30:
                zone.add(owner, "CNAME", rng.choice(TTLS), [self.pointer()])
            elif what < 0.39 and (not owner.is_wild() or rng.random() < 0.2):
                zone.add(owner, "DNAME", rng.choice(TTLS), [self.pointer()])
                if rng.random() < 0.5:
                    self.plain(zone, owner, 1)
            elif what < 0.52 and not owner.is_wild():
                self.cut(zone, owner)
            elif what < 0.58:
                self.big(zone, owner)
            elif what < 0.64:
                self.plain(zone, owner, 14)
            else:
                self.plain(zone, owner, rng.randint(1, 3))
        self.tidy(zone)
        self.apex(zone)

    def apex(self, zone):
        rng = self.rng
        minimum, ttl = rng.choice((0, 60, 300, 3600, 100000)), rng.choice(TTLS)
        zone.add(zone.apex, "SOA", ttl, [f"{self.pointer()} {self.pointer()} 1 7200 3600 604800 {minimum}"])
        self.plain(zone, zone.apex, rng.choice((0, 1, 3)))
        # BIND refuses a zone whose own name servers in the zone have no address.
        addressed = [owner for owner in zone.owners() if zone.has(owner, "A") or zone.has(owner, "AAAA")]
        addressed = [owner for owner in addressed if not any(zone.has(above, "NS") for above in (owner, *ancestors(owner, zone.apex)))]
        servers = [rng.choice(addressed) if addressed and rng.random() < 0.7 else rng.choice(OUTSIDE) for _ in range(rng.choice((1, 2, 4)))]
        zone.add(zone.apex, "NS", rng.choice(TTLS), [text_of(any_case(rng, server)) for server in servers])

    def tidy(self, zone):
        """Takes away what no server may load: other data beside a CNAME (RFC 2181 §10.1), a DNAME in a place of its own at a cut
        (RFC 6672 §2.3), and data below a DNAME (§2.4), which the peers refuse, each in its way."""
        for owner in zone.owners():
            types = zone.types(owner)
            if dns.rdatatype.CNAME in types:
                drop = [rdtype for rdtype in types if rdtype != dns.rdatatype.CNAME]
            elif dns.rdatatype.NS in types and owner != zone.apex:
                drop = [dns.rdatatype.DNAME]
            else:
                drop = []
            if any(zone.has(above, "DNAME") for above in ancestors(owner, zone.apex)):
                drop = types
            for rdtype in drop:
                zone.rrsets.pop((owner, rdtype), None)


PLAIN = ["A", "AAAA", "TXT", "MX", "SRV", "PTR", "KX", "AFSDB", "RT", "RP", "NAPTR", "HINFO", "CAA", "SSHFP", "TLSA", "LOC", "HTTPS",
         "SVCB", "EUI48", "URI", "CERT", "SPF", "TYPE65280", "TYPE1234"]
COMMON_TYPES = ["A", "A", "A", "AAAA", "TXT", "MX", "SRV"] + PLAIN


def ancestors(name, apex):
    """The names above it, nearest first, up to the apex."""
    while name != apex:
        name = name.parent()
        yield name


def servers_below(message):
    """The name servers at or below the cut of a referral, with the cut."""
    return {server.target: rrset.name for rrset in message.authority if rrset.rdtype == dns.rdatatype.NS
            for server in rrset if server.target.is_subdomain(rrset.name)}


class World:
    """The zones of one seed."""

    def __init__(self, seed):
        self.seed = seed
        self.known = None
        rng = random.Random(f"zones {seed}")
        first, other = dns.name.from_text("m.test."), dns.name.from_text("o.test.")
        apexes = [first, other]
        if rng.random() < 0.8:
            apexes.append(dns.name.from_text(rng.choice(("a.m.test.", "b.a.m.test.", "kid.m.test.", "a.b.c.m.test."))))
        if rng.random() < 0.3:
            apexes.append(dns.name.from_text("a." + apexes[-1].to_text()))
        maker = Maker(rng, apexes)
        self.zones = maker.zones
        self.targets = maker.everything
        for zone in self.zones:
            maker.fill(zone)
            for other in self.zones:  # mostly delegated by the zone it is in
                if other is not zone and other.apex.is_subdomain(zone.apex) and rng.random() < 0.7:
                    maker.cut(zone, other.apex)
                    maker.tidy(zone)

    def rrsets(self):
        """Every RRset as (apex of its zone, owner, type)."""
        return [(zone.apex, *key) for zone in self.zones for key in zone.rrsets]

    def only(self, rrsets):
        """A copy with some of the RRsets, and with the zones that these are in. NS at an apex point out of the world."""
        other = copy.copy(self)
        other.known = None
        other.zones = [zone.only({key[1:] for key in rrsets if key[0] == zone.apex}) for zone in self.zones
                       if any(key[0] == zone.apex for key in rrsets)]
        for zone in other.zones:
            if (zone.apex, zone.apex, dns.rdatatype.NS) not in rrsets:
                zone.add(zone.apex, "NS", 3600, [text_of(OUTSIDE[0])])
        return other

    def text(self):
        return "".join(f"; {zone.name()}\n{zone.text()}" for zone in self.zones)

    def zone_of(self, name, rdtype=None):
        """The deepest zone that the name is in, or None. The DS at an apex is the zone's above (RFC 4035 §3.1.4.1)."""
        zones = sorted((zone for zone in self.zones if name.is_subdomain(zone.apex)), key=lambda zone: len(zone.apex.labels))
        if rdtype == dns.rdatatype.DS and len(zones) > 1 and zones[-1].apex == name:
            del zones[-1]
        return zones[-1] if zones else None

    def glue(self, message):
        """What the zones have of the glue that this referral needs, as compare.records has it."""
        found = set()
        for server, cut in servers_below(message).items():
            zone = max((zone for zone in self.zones if zone.has(cut, "NS") and zone.apex != cut), key=lambda zone: len(zone.apex.labels))
            found |= {record for rdtype in ADDRESSES for record in zone.records(server, rdtype)}
        return frozenset(found)

    def records(self):
        """Every record, as compare.records has them."""
        if self.known is None:
            self.known = {record for zone in self.zones for owner, rdtype in zone.rrsets for record in zone.records(owner, rdtype)}
        return self.known

    def write(self, directory):
        """Writes the master files; {zone name: path}."""
        paths = {}
        for zone in self.zones:
            paths[zone.name()] = os.path.join(directory, zone.name() + ".zone")
            with open(paths[zone.name()], "w", encoding="ascii") as out:
                out.write(zone.text())
        return paths
