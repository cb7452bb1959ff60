"""Zones that arrive signed: everything asked with DO, and the proofs of what is not there (RFC 4035 §3.1, RFC 5155 §7.2).

Roost, NSD and Knot serve the same files (signed.py), and each answer of Roost must be NSD's or Knot's, record by record. What
validators think of them: test_validators.py.
"""
import dns.flags
import dns.message
import dns.query
import dns.rcode
import dns.rdatatype
import peers
import pytest
import roost
from signed import SIGNED, questions, served


def section(rrsets):
    """Records as a set, signatures included."""
    return {(rrset.name.to_text().lower(), dns.rdatatype.to_text(rrset.rdtype), rrset.ttl, rdata.to_text().lower())
            for rrset in rrsets for rdata in rrset}


def seen(message):
    return {"rcode": dns.rcode.to_text(message.rcode()), "AA": bool(message.flags & dns.flags.AA),
            "answer": section(message.answer), "authority": section(message.authority)}


def answers(servers, qname, rdtype):
    """What each says, over UDP, or over TCP if one of them has to truncate."""
    messages = [roost.query(server, qname, rdtype, want_dnssec=True, payload=1232) for server in servers]
    if any(message.flags & dns.flags.TC for message in messages):
        messages = [roost.query(server, qname, rdtype, want_dnssec=True, tcp=True) for server in servers]
    return [seen(message) for message in messages]


def nothing_twice(server, qname, rdtype):
    """dnspython drops records that come twice, unless it is told to keep each apart."""
    question = dns.message.make_query(qname, rdtype, want_dnssec=True)
    message = dns.query.tcp(question, server.address, port=server.port, timeout=5, one_rr_per_rrset=True)
    records = [rrset.to_text().lower() for part in (message.answer, message.authority, message.additional) for rrset in part]
    return len(records) == len(set(records))


def difference(ours, theirs):
    lines = []
    for part, mine in ours.items():
        other = theirs[part]
        if mine == other:
            continue
        if isinstance(mine, set):
            lines += [f"    {part} only ours:   {' '.join(map(str, r))[:150]}" for r in sorted(mine - other)]
            lines += [f"    {part} only theirs: {' '.join(map(str, r))[:150]}" for r in sorted(other - mine)]
        else:
            lines.append(f"    {part}: {mine}, not {other}")
    return "\n".join(lines)


@pytest.mark.parametrize("name", [signed.name for signed in SIGNED])
def test_answers_are_those_of_nsd_or_knot(signed_zones, name):
    zones = {name: signed_zones[name]}
    ours = served(zones)
    paths = {name: signed_zones[name].path}
    others = [peers.NsdPrimary(paths), peers.KnotPrimary(paths)]
    wrong = []
    for qname, rdtype in questions(name):
        mine, *theirs = answers([ours, *others], qname, rdtype)
        assert nothing_twice(ours, qname, rdtype), f"{qname} {rdtype}"
        if mine not in theirs:
            wrong.append(f"{qname} {rdtype}:\n" + "\n".join(f"  {other.name}\n{difference(mine, answer)}"
                                                           for other, answer in zip(others, theirs)))
    assert not wrong, f"{len(wrong)} answers differ\n" + "\n".join(wrong)


# ---- Roost alone ----

def check_cut(server, qname, rdtype, payload):
    cut = roost.query(server, qname, rdtype, want_dnssec=True, payload=payload)
    whole = roost.query(server, qname, rdtype, want_dnssec=True, tcp=True)
    assert cut.flags & dns.flags.TC and not whole.flags & dns.flags.TC, qname
    for part, all_of_it in ((cut.answer, whole.answer), (cut.authority, whole.authority)):
        assert all(rrset in all_of_it for rrset in part), qname


def test_small_answers_are_cut_and_tcp_has_it_all(signed_zones):
    """DNSKEY and proofs that do not fit: TC and no part of an RRset; over TCP all of it."""
    rsa, name = "nsec.ldns.test", "nsec3.bind.test"
    server = served({rsa: signed_zones[rsa], name: signed_zones[name]})
    for qname, rdtype in ((rsa, "DNSKEY"), (f"a.b.c.{rsa}", "A"), (f"a.b.c.{name}", "A"), (f"a.wild.{name}", "AAAA")):
        cut = roost.query(server, qname, rdtype, want_dnssec=True, payload=512)
        whole = roost.query(server, qname, rdtype, want_dnssec=True, tcp=True)
        assert cut.flags & dns.flags.TC and not whole.flags & dns.flags.TC, qname
        for part, all_of_it in ((cut.answer, whole.answer), (cut.authority, whole.authority)):
            assert all(rrset in all_of_it for rrset in part), qname


DENIAL_OR_SIGNATURE = {dns.rdatatype.RRSIG, dns.rdatatype.NSEC, dns.rdatatype.NSEC3}


def plain(message):
    """As seen(), less what only who asks with DO gets, unless by its own name (RFC 4035 §3.1)."""
    asked = message.question[0].rdtype
    message.answer = [rrset for rrset in message.answer if rrset.rdtype not in DENIAL_OR_SIGNATURE - {asked}]
    message.authority = [rrset for rrset in message.authority if rrset.rdtype not in DENIAL_OR_SIGNATURE | {dns.rdatatype.DS}]
    return seen(message)


@pytest.mark.parametrize("name", ["nsec.bind.test", "nsec3.bind.test", "optout.ldns.test"])
def test_without_do_there_are_no_proofs(signed_zones, name):
    server = served({name: signed_zones[name]})
    for qname, rdtype in questions(name):
        with_do = roost.query(server, qname, rdtype, want_dnssec=True, tcp=True)
        for more in ({}, {"use_edns": 0}):
            without = roost.query(server, qname, rdtype, tcp=True, **more)
            assert seen(without) == plain(with_do), f"{qname} {rdtype}"
            assert not without.ednsflags & dns.flags.DO


def test_ad_and_cd(signed_zones):
    """RFC 4035 §3.1.6: CD comes back and changes nothing, AD is for resolvers: never ours, asked for or not."""
    name = "nsec3.bind.test"
    server = served({name: signed_zones[name]})
    for owner in ("www", "nothing", "insecure", "a.wild", "x.dn"):
        usual = roost.query(server, f"{owner}.{name}", want_dnssec=True)
        for flags in (0, dns.flags.AD, dns.flags.CD, dns.flags.AD | dns.flags.CD):
            question = dns.message.make_query(f"{owner}.{name}", "A", want_dnssec=True, flags=flags)
            message = dns.query.udp(question, server.address, port=server.port, timeout=5)
            assert message.flags & (dns.flags.AD | dns.flags.CD) == flags & dns.flags.CD
            assert seen(message) == seen(usual) and message.ednsflags & dns.flags.DO
