"""Answers of a running roostd, and the same questions put to BIND, Knot and NSD with the same zone files.

The exact answers are the business of tests/unit/zones/answer_test.c, which reads the same zones. Here it counts that they come
out of the server that `roostctl zone import` filled, and that Roost says what the others say: RCODE, AA, the answer section as
a set of records, and the types in the authority section. Where they differ among themselves, Roost must agree with most of
them; where it does not, DIFFERENT says why.
"""
import collections
import glob
import os
import tempfile

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import peers
import pytest
import roost

ZONES = {os.path.basename(path)[:-len(".zone")]: path
         for path in sorted(glob.glob(os.path.join(roost.TOP, "tests/unit/zones/answers/*.zone")))}


def served(*more):
    """A roostd with all the zones."""
    db = os.path.join(tempfile.mkdtemp(prefix="answers-", dir=roost.scratch), "roost.db")
    roost.roostctl(db, "init")
    for name, path in ZONES.items():
        roost.roostctl(db, "zone", "import", name, path)
    return roost.Roostd(db, *more)


# ---- The questions ----

# Where Roost does as it means to and most of the others do not: (name, type) and the reason.
DIFFERENT = {(f"{owner}.rich.test", "A"): "Roost and NSD follow a chain through all their zones, BIND and Knot stay in one"
             for owner in ("cnother", "cnothernx", "cnothernodata", "cnotherback", "cnotherdel", "loopx", "www.dnother")}

OWNERS = """
@ www ns1 txt multi ttl0 unknown case CASE nothing a.nothing a.www a.cn
cn cn2 cn3 c1 cnself loop1 loop3 cnout cnnx cnnodata cnent cndel cncut cnwild cnwildcn cndn
ent b.ent a.b.ent x.ent x.b.ent
wild x.wild x.y.z.wild *.wild y.*.wild *.y.wild blocker.wild x.blocker.wild deep.wild y.deep.wild x.deep.wild y.x.deep.wild
a.wcn *.wcn wcn a.wcnnx a.wcnout a.wloop x.wloop a.went sub.a.went sub.*.went *.went went
a.two a.b.two a.*.two b.a.*.two *.*.two *.two
x.wdel cut.wdel x.cut.wdel a.wdn b.a.wdn *.wdn
dn www.dn a.b.dn b.dn nothing.dn cn.dn back.dn x.w.dn w.dn *.dn tgt x.dnout www.dn1 x.dndel x.dnloop1 dnlong
del host.del ns.del nothing.x.y.del *.del secure x.secure noglue sibling inzone crosszone missing x.mixed self x.self bigdel
mx2 mxout mxcn mxdel mxnone mxwild _sip._tcp _out._tcp _none._tcp svcb https httpsalias afs ptr
nul\\000octet nul a\\.b a.b sp\\032ace \\255\\254 back\\\\slash *star xstar x.*star st*r star _under_ -dash- 7 \\007
""".split()

# The type that the owner is about, where it is not A.
ABOUT = {"@": "MX", "txt": "TXT", "unknown": "TYPE65280", "a.b.ent": "TXT", "x.wdel": "TXT", "cut.wdel": "TXT", "dn": "TXT",
         "_sip._tcp": "SRV", "_out._tcp": "SRV", "_none._tcp": "SRV", "svcb": "SVCB", "https": "HTTPS", "httpsalias": "HTTPS",
         "afs": "AFSDB", "ptr": "PTR", "*.wdn": "DNAME", "a.wdn": "DNAME"}


def full(owner, zone):
    return zone if owner == "@" else f"{owner}.{zone}"


def questions():
    """(name, type, options) of every question; options are for roost.query."""
    for owner in OWNERS:
        about = "MX" if owner.startswith("mx") else ABOUT.get(owner, "A")
        for rdtype in dict.fromkeys([about, "A", "AAAA", "DS"]):
            yield full(owner, "rich.test"), rdtype, {}
    for name in ("cn", "www.dn", "a.wcn", "dn", "del", "*.wdn", "cnself", "x.dnloop1"):
        for rdtype in ("CNAME", "DNAME", "NS", "SOA", "TYPE65535", "RRSIG"):
            yield full(name, "rich.test"), rdtype, {}
    for name in ("@", "host1", "host2", "host3", "foo.bar", "sub.*", "x.sub.*", "_telnet._tcp.host1", "_tcp.host1",
                 "_ssh._tcp.host1", "host.subdel", "subdel", "ghost.*", "*", "*.foo", "*.host1", "a.b.c.d.e", "HoSt3"):
        for rdtype in ("A", "MX", "TXT", "SRV", "DS"):
            yield full(name, "example"), rdtype, {}
    for name in ("@", "nx", "child", "www.child", "ns.child", "nx.child", "child2", "ns.child2", "nx.child2", "cut", "x.cut",
                 "kid.cut", "www.kid.cut", "nx.kid.cut", "mx"):
        for rdtype in ("A", "NS", "SOA", "DS", "MX"):
            yield full(name, "parent.test"), rdtype, {}
    for name, rdtype in (("@", "A"), ("@", "SOA"), ("@", "NS"), ("@", "DNAME"), ("@", "DS"), ("@", "MX"), ("x", "CNAME")):
        yield full(name, "apexdn.test"), rdtype, {}
    for name in ("www", "cn", "x.wild", "dn", "x.dn", "del", "x.del", "secure", "x.secure", "ent", "nothing", "cnnx", "multi"):
        for rdtype in ("A", "DS", "NSEC", "CNAME"):
            yield full(name, "signed.test"), rdtype, {}
            yield full(name, "signed.test"), rdtype, {"want_dnssec": True}
    for rdtype in ("SOA", "NS", "MX", "DNSKEY", "NSEC", "DS"):
        yield "signed.test", rdtype, {"want_dnssec": True}
    for name in (".", "test", "com", "nothing.example.com", "xrich.test", "rich.test.com", "rich"):
        for rdtype in ("A", "NS", "SOA", "DS", "ANY"):
            yield name, rdtype, {}
    for name in ("cn", "ent", "nothing", "x.ent", "del", "host.del", "a.wcn", "cnself"):
        yield full(name, "rich.test"), "ANY", {}
        yield full(name, "rich.test"), "ANY", {"tcp": True}
    for name, rdtype in DIFFERENT:
        yield name, rdtype, {}
    for name, rdtype in (("www", "A"), ("big", "TXT"), ("bigcn", "TXT"), ("bigdel", "A"), ("manymx", "MX"), ("nothing", "A")):
        yield full(name, "rich.test"), rdtype, {"tcp": True}
    label, long = "m" * 51, ".".join(letter * 63 for letter in "abc")
    yield f"{label}.{long}.rich.test", "A", {"tcp": True}
    yield f"{label}.{long}.rich.test", "AAAA", {}
    yield f"{label}.dnlong.rich.test", "A", {"tcp": True}
    yield f"m{label}.dnlong.rich.test", "A", {}
    yield ".".join(["w" * 46, long, "wild.rich.test"]), "A", {}
    yield ".".join(["a"] * 119 + ["wild.rich.test"]), "A", {}


# ---- What is compared ----

SIGNING = {dns.rdatatype.NSEC, dns.rdatatype.RRSIG}


def summary(message):
    """RCODE, AA, answer records, types in the authority section. Signatures of the answer count, proofs of denial do not."""
    answer = frozenset((rrset.name.to_text().lower(), rrset.ttl, dns.rdatatype.to_text(rrset.rdtype), rdata.to_text().lower())
                       for rrset in message.answer for rdata in rrset)
    authority = frozenset(dns.rdatatype.to_text(rrset.rdtype) for rrset in message.authority if rrset.rdtype not in SIGNING)
    return dns.rcode.to_text(message.rcode()), bool(message.flags & dns.flags.AA), answer, authority


def test_the_same_as_the_others():
    asked = list(questions())
    assert len(asked) >= 300 and DIFFERENT.keys() <= {(name, rdtype) for name, rdtype, _ in asked}
    mine = served()
    others = [primary(ZONES) for primary in (peers.BindPrimary, peers.KnotPrimary, peers.NsdPrimary)]
    for other in others:
        for zone in ZONES:
            roost.wait_until(lambda server=other, name=zone: roost.serial(server, name) == 1, what=f"{other.name}: {zone}")
    wrong = []
    for name, rdtype, options in asked:
        got = summary(roost.query(mine, name, rdtype, **options))
        theirs = {other.name: summary(roost.query(other, name, rdtype, **options)) for other in others}
        most, votes = collections.Counter(theirs.values()).most_common(1)[0]
        agreed = got == most if votes > 1 else got in theirs.values()
        if agreed == ((name, rdtype) in DIFFERENT):
            note = " (agrees, but stands in DIFFERENT)" if agreed else ""
            wrong.append(f"{name} {rdtype} {options or ''}{note}\n  roostd: {got}\n"
                         + "\n".join(f"  {server}: {what}" for server, what in theirs.items()))
    assert not wrong, f"{len(wrong)} of {len(asked)} answers differ:\n" + "\n".join(wrong)


# ---- Roost alone ----

def test_a_chain_goes_on_in_other_zones_of_ours():
    server = served()
    answer = roost.query(server, "cnotherback.rich.test")
    assert [rrset.name.to_text() for rrset in answer.answer] == \
        ["cnotherback.rich.test.", "cnback.other.test.", "www.rich.test."]
    assert roost.query(server, "cnothernx.rich.test").rcode() == dns.rcode.NXDOMAIN
    assert roost.values(server, "www.apexdn.test") == ["192.0.2.82"]
    assert roost.values(server, "cnchild.parent.test") == ["192.0.2.54"]


@pytest.mark.parametrize("size", [512, 600, 700, 900, 1232])
def test_truncation_by_the_size_the_client_takes(size):
    """TC, whole RRsets, never over the size; by TCP all of it (RFC 2181 §9, RFC 6891 §6.2.5, RFC 9471 §3.1)."""
    server = served()
    options = {} if size == 512 else {"use_edns": 0, "payload": size}
    for name, rdtype, room in (("big.rich.test", "TXT", 4000), ("bigcn.rich.test", "TXT", 4000),
                               ("x.bigdel.rich.test", "A", 830)):
        answer = roost.query(server, name, rdtype, **options)
        whole = roost.query(server, name, rdtype, tcp=True)
        assert not whole.flags & dns.flags.TC
        assert len(answer.to_wire()) <= size
        assert bool(answer.flags & dns.flags.TC) == (room > size), name
        for rrset in answer.answer + answer.authority:
            assert rrset in whole.answer + whole.authority


def test_a_payload_size_under_512_counts_as_512():
    """RFC 6891 §6.2.3."""
    server = served()
    answer = roost.query(server, "manymx.rich.test", "MX", use_edns=0, payload=100)
    assert len(answer.answer[0]) == 13


def test_no_opt_without_opt():
    """RFC 6891 §6.1.1: OPT in the answer if and only if it was in the question."""
    server = served()
    assert roost.query(server, "www.rich.test").edns < 0
    assert roost.query(server, "www.rich.test", use_edns=0).edns == 0
    assert roost.query(server, "nothing.rich.test", use_edns=0).edns == 0
    assert roost.query(server, "nothing.example.com", use_edns=0).edns == 0
    assert roost.query(server, "www.signed.test", want_dnssec=True).ednsflags & dns.flags.DO


def test_any_is_minimal_over_udp_and_whole_over_tcp():
    """RFC 8482 §4.1."""
    server = served()
    assert len(roost.query(server, "multi.rich.test", "ANY").answer) == 1
    whole = {dns.rdatatype.to_text(rrset.rdtype) for rrset in roost.query(server, "multi.rich.test", "ANY", tcp=True).answer}
    assert whole == {"A", "AAAA", "TXT", "MX"}


def test_the_case_of_the_question_comes_back():
    """RFC 4343 §4.1; resolvers rely on it against forged answers."""
    server = served()
    for name in ("WwW.RiCh.TeSt.", "x.WiLd.RICH.test.", "cN.rich.TEST."):
        answer = roost.query(server, name)
        assert answer.question[0].name.to_text() == name
        assert answer.answer[0].name.to_text() == name


def test_the_exported_zone_is_the_one_imported(tmp_path):
    """Import, export, import again: the same records, the odd labels too."""
    server = served()
    first = roost.roostctl(server.db, "zone", "export", "rich.test").stdout
    copy = tmp_path / "copy.zone"
    copy.write_text(first)
    db = tmp_path / "copy.db"
    roost.roostctl(db, "init")
    roost.roostctl(db, "zone", "import", "rich.test", copy)
    second = roost.Roostd(db)
    for name in ("nul\\000octet", "a\\.b", "sp\\032ace", "\\255\\254", "back\\\\slash", "*star", "x.wild"):
        assert roost.values(server, f"{name}.rich.test") == roost.values(second, f"{name}.rich.test") != []
    assert sorted(roost.roostctl(db, "zone", "export", "rich.test").stdout.split("\n")) == sorted(first.split("\n"))
