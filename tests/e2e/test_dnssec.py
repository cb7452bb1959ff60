"""Zones that arrive signed: everything asked with DO, and the proofs of what is not there (RFC 4035 §3.1, RFC 5155 §7.2).

One master file is signed in every way (SIGNED): by BIND's and ldns's signer, with NSEC, NSEC3, and NSEC3 with opt-out. Roost,
NSD and Knot serve the same files, and each answer of Roost must be NSD's or Knot's, record by record. Then Unbound, which has
the zones' keys as trust anchors, and delv look Roost's answers over.
"""
import dataclasses
import os
import random
import tempfile

import dns.flags
import dns.message
import dns.query
import dns.rcode
import dns.rdatatype
import peers
import pytest
import roost

MASTER = """
$TTL 3600
@ SOA ns hostmaster 1 7200 3600 604800 300
@ NS ns
@ MX 10 mail
ns A 192.0.2.1
mail A 192.0.2.25
www A 192.0.2.11
www A 192.0.2.12
WWW TXT "case kept"
multi A 192.0.2.14
multi AAAA 2001:db8::14
multi TXT "multi"
cn CNAME www
cnnx CNAME nothing
cnnodata CNAME mail
cnwild CNAME any.wild
cnwildnx CNAME a.b.none
cnent CNAME ent
cndel CNAME host.insecure
cnout CNAME www.elsewhere.invalid.
*.wcn CNAME a.wild
*.wcn2 CNAME a.wcn
*.wcnnx CNAME nothing
dn DNAME tgt
www.tgt A 192.0.2.40
dnnx DNAME none
a.b.ent TXT "leaf"
*.wild A 192.0.2.30
*.wild TXT "wild"
blocker.wild A 192.0.2.31
x.y.deep.wild TXT "below"
*.deep.wild A 192.0.2.32
*.*.star A 192.0.2.33
insecure NS ns.insecure
insecure NS ns
ns.insecure A 192.0.2.50
secure NS ns.secure
secure DS 4711 13 2 000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f
ns.secure A 192.0.2.51
in.cutent NS ns
deep.in.cutent2 NS ns
a.mixent NS ns
b.mixent A 192.0.2.60
a\\000b A 192.0.2.61
a\\001b A 192.0.2.61
\\255 TXT "last"
a-b A 192.0.2.62
aa.a-b A 192.0.2.62
b.www TXT "below www"
"""

OWNERS = """
@ www WWW b.www a.www nothing a.nothing 0 zzz multi cn cnnx cnnodata cnwild cnwildnx cnent cndel cnout a.cn
a.wcn b.a.wcn *.wcn wcn a.wcn2 a.wcnnx dn www.dn x.dn x.y.dn dnnx x.dnnx tgt x.tgt www.tgt
ent b.ent a.b.ent x.ent x.b.ent x.a.b.ent
wild a.wild *.wild b.a.wild blocker.wild x.blocker.wild deep.wild y.deep.wild q.deep.wild
x.y.deep.wild q.y.deep.wild q.x.y.deep.wild
star a.star *.star a.*.star b.a.*.star
insecure host.insecure ns.insecure secure host.secure ns.secure
cutent in.cutent x.in.cutent x.cutent cutent2 in.cutent2 deep.in.cutent2 x.in.cutent2 mixent a.mixent b.mixent x.mixent
a\\000b a\\001b a\\000 a\\002b \\255 \\254 \\255\\255 a-b a-a b.a-b aa.a-b ab.aa.a-b
""".split()

TYPES = ("A", "TXT", "DS", "CNAME")


@dataclasses.dataclass
class Signed:
    name: str
    tool: str
    nsec3: bool = False
    opt_out: bool = False
    salt: str = "-"
    iterations: int = 0
    algorithm: tuple = ("ECDSAP256SHA256",)
    path: str = None
    anchor: str = None  # the key-signing key, as a DNSKEY record


SIGNED = [
    Signed("nsec.bind.test", "bind"), Signed("nsec.ldns.test", "ldns", algorithm=("RSASHA256", "-b", "2048")),
    Signed("nsec3.bind.test", "bind", nsec3=True), Signed("nsec3.ldns.test", "ldns", nsec3=True, salt="aabbccdd", iterations=5),
    Signed("optout.bind.test", "bind", nsec3=True, opt_out=True, salt="0102030405060708", iterations=12),
    Signed("optout.ldns.test", "ldns", nsec3=True, opt_out=True),
]


def sign(signed, directory, master=MASTER):
    """Makes keys and signs; sets path and anchor."""
    def tool(*argv):
        return roost.run(argv, cwd=directory).stdout.strip()

    plain = os.path.join(directory, f"{signed.name}.plain")
    signed.path = os.path.join(directory, f"{signed.name}.zone")
    with open(plain, "w", encoding="ascii") as out:
        out.write(f"$ORIGIN {signed.name}.\n{master}")
    if signed.tool == "bind":
        ksk, zsk = (tool("dnssec-keygen", "-q", "-a", *signed.algorithm, *flags, signed.name) for flags in (["-f", "KSK"], []))
        how = ["-3", signed.salt, "-H", str(signed.iterations)] if signed.nsec3 else []
        how += ["-A"] if signed.opt_out else []
        tool("dnssec-signzone", "-q", "-S", "-O", "full", "-o", signed.name, "-f", signed.path, *how, plain)
    else:
        ksk, zsk = (tool("ldns-keygen", "-a", *signed.algorithm, *flags, signed.name) for flags in (["-k"], []))
        how = ["-n", "-t", str(signed.iterations)] if signed.nsec3 else []
        how += ["-s", signed.salt] if signed.salt != "-" else []
        how += ["-p"] if signed.opt_out else []
        tool("ldns-signzone", "-o", signed.name, "-f", signed.path, *how, plain, zsk, ksk)
    with open(os.path.join(directory, f"{ksk}.key"), encoding="ascii") as key:
        record = [line for line in key if not line.startswith(";")][0].split(";")[0].split()
        signed.anchor = f"{signed.name}. DNSKEY {' '.join(record[record.index('DNSKEY') + 1:])}"


@pytest.fixture(scope="module")
def signed_zones(tmp_path_factory):
    directory = str(tmp_path_factory.mktemp("signed"))
    for signed in SIGNED:
        sign(signed, directory)
    return {signed.name: signed for signed in SIGNED}


def served(zones):
    db = os.path.join(tempfile.mkdtemp(prefix="dnssec-", dir=roost.scratch), "roost.db")
    roost.roostctl(db, "init")
    for name, signed in zones.items():
        roost.roostctl(db, "zone", "import", name, signed.path)
    return roost.Roostd(db)


def full(owner, zone):
    return zone if owner == "@" else f"{owner}.{zone}"


def questions(zone):
    for owner in OWNERS:
        for rdtype in TYPES:
            yield full(owner, zone), rdtype
    for rdtype in ("DNSKEY", "NSEC", "NSEC3", "NSEC3PARAM", "MX"):
        yield zone, rdtype
        yield f"multi.{zone}", rdtype


# ---- Beside NSD and Knot ----

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


# ---- What validators think of them ----

class Unbound(roost.Process):
    """A validating resolver that knows one zone's server and key, and nobody else."""

    def __init__(self, signed, server):
        super().__init__("unbound")
        self.signed = signed
        self.server = server
        self.configuration = os.path.join(self.directory, "unbound.conf")
        with open(self.configuration, "w", encoding="ascii") as out:
            out.write(self.configure())
        self.start()

    def configure(self):
        return f"""
server:
    interface: {self.address}@{self.port}
    num-threads: 1
    do-ip6: no
    do-daemonize: no
    use-syslog: no
    username: ""
    chroot: ""
    pidfile: ""
    directory: "{self.directory}"
    do-not-query-localhost: no
    do-not-query-address: 192.0.2.0/24
    local-zone: test. transparent
    module-config: "validator iterator"
    aggressive-nsec: no
    trust-anchor: "{self.signed.anchor}"
    trust-anchor-signaling: no
    val-log-level: 2
remote-control:
    control-enable: no
stub-zone:
    name: {self.signed.name}
    stub-addr: {self.server.address}@{self.server.port}
stub-zone:
    name: .
    stub-addr: {self.server.address}@{self.server.port}
"""

    def argv(self):
        return ["/usr/sbin/unbound", "-d", "-c", self.configuration]


def verdict(resolver, qname, rdtype):
    """The RCODE, and whether Unbound found the answer authentic."""
    message = roost.query(resolver, qname, rdtype, rd=True, want_dnssec=True, payload=4096)
    return dns.rcode.to_text(message.rcode()), bool(message.flags & dns.flags.AD)


def verdicts(resolver, name):
    return {question: verdict(resolver, *question) for question in questions(name)}


@pytest.mark.parametrize("name", [signed.name for signed in SIGNED])
def test_unbound_takes_every_answer(signed_zones, name):
    """What Unbound cannot resolve (children that are not there, DS of the apex) or takes for unsigned (opt-out),
    it cannot with NSD either. (NSD has no proof for empty non-terminals that opt-out left without NSEC3.)"""
    signed = signed_zones[name]
    ours = verdicts(Unbound(signed, served({name: signed})), name)
    theirs = verdicts(Unbound(signed, peers.NsdPrimary({name: signed.path})), name)
    wrong = [f"{' '.join(question)}: {found}, with NSD {theirs[question]}" for question, found in ours.items()
             if found != theirs[question] and theirs[question][0] != "SERVFAIL"]
    assert not wrong, "\n".join(wrong)
    authentic = sum(ad for _, ad in ours.values())
    assert authentic > len(ours) * (0.33 if signed.opt_out else 0.75), f"{authentic} of {len(ours)} are authentic"


DELV = [  # owner, type, what delv says of it
    ("www", "A", "fully validated"), ("a.wild", "A", "fully validated"), ("cn", "A", "fully validated"),
    ("www.dn", "A", "fully validated"), ("cnwild", "A", "fully validated"), ("@", "DNSKEY", "fully validated"),
    ("nothing", "A", "negative response, fully validated"), ("a.b.none", "A", "negative response, fully validated"),
    ("www", "AAAA", "negative response, fully validated"), ("ent", "A", "negative response, fully validated"),
    ("a.wild", "AAAA", "negative response, fully validated"), ("insecure", "DS", "negative response, fully validated"),
    ("secure", "DS", "fully validated"), ("in.cutent", "DS", "negative response, fully validated"),
]


@pytest.mark.parametrize("name", [signed.name for signed in SIGNED if not signed.opt_out])
def test_delv_validates(signed_zones, name):
    signed = signed_zones[name]
    server = served({name: signed})
    anchors = os.path.join(tempfile.mkdtemp(dir=roost.scratch), "anchors")
    flags = signed.anchor.split(" DNSKEY ")[1].split()
    with open(anchors, "w", encoding="ascii") as out:
        out.write(f'trust-anchors {{ "{name}" static-key {" ".join(flags[:3])} "{"".join(flags[3:])}"; }};\n')
    for owner, rdtype, wanted in DELV:
        done = roost.run(["delv", f"@{server.address}", "-p", server.port, "-a", anchors, f"+root={name}", "+multiline",
                          full(owner, name), rdtype])
        said = {line for line in done.stdout.splitlines() if "validated" in line or "unsigned" in line}
        assert said == {f"; {wanted}"}, f"{owner} {rdtype}:\n{done.stdout}{done.stderr}"


@pytest.mark.parametrize("name", [signed.name for signed in SIGNED])
def test_export_is_still_a_valid_zone(signed_zones, name):
    signed = signed_zones[name]
    server = served({name: signed})
    directory = tempfile.mkdtemp(dir=roost.scratch)
    exported, anchor = os.path.join(directory, "exported"), os.path.join(directory, "anchor")
    with open(exported, "w", encoding="utf-8") as out:
        out.write(server.ctl("zone", "export", name).stdout)
    with open(anchor, "w", encoding="ascii") as out:
        out.write(signed.anchor.replace(" DNSKEY ", " IN DNSKEY ") + "\n")
    assert "Zone is verified and complete" in roost.run(["ldns-verify-zone", "-k", anchor, exported]).stdout


def test_small_answers_are_cut_and_tcp_has_it_all(signed_zones):
    """DNSKEY and proofs that do not fit 512 octets: TC and no part of an RRset; over TCP all of it."""
    rsa, name = "nsec.ldns.test", "nsec3.bind.test"
    server = served({rsa: signed_zones[rsa], name: signed_zones[name]})
    for qname, rdtype in ((rsa, "DNSKEY"), (f"a.b.c.{rsa}", "A"), (f"a.b.c.{name}", "A"), (f"a.wild.{name}", "AAAA")):
        cut = roost.query(server, qname, rdtype, want_dnssec=True, payload=512)
        whole = roost.query(server, qname, rdtype, want_dnssec=True, tcp=True)
        assert cut.flags & dns.flags.TC and not whole.flags & dns.flags.TC, qname
        for part, all_of_it in ((cut.answer, whole.answer), (cut.authority, whole.authority)):
            assert all(rrset in all_of_it for rrset in part), qname


# ---- Zones at random ----

# ROOST_SEEDS=100-199 tries others by hand.
SEEDS = os.environ.get("ROOST_SEEDS", "12-13")


def random_name(rng, labels):
    return ".".join(rng.choice("abcd*") for _ in range(rng.randint(1, labels)))


def random_master(rng):
    """Wildcards, empty non-terminals, cuts, CNAME and DNAME anywhere. But nothing below a DNAME, which NSD refuses, and no DNAME to
    below a DNAME: names that grow at every step end in compression pointers to pointers beyond what dnspython follows."""
    owners = {}
    for _ in range(rng.randint(5, 30)):
        owner, kind = random_name(rng, 4), rng.choice(["A", "A", "TXT", "NS", "DS", "CNAME", "DNAME"])
        alone = kind not in ("A", "TXT") or owner in owners and owners[owner][0].split()[0] not in ("A", "TXT")
        if owner in owners and alone or owner.startswith("*") and kind in ("NS", "DS", "DNAME"):
            continue
        data = {"A": f"A 192.0.2.{rng.randint(1, 250)}", "TXT": f'TXT "{owner}"', "NS": "NS ns.zz", "DS": "NS ns.zz",
                "CNAME": f"CNAME {random_name(rng, 4)}", "DNAME": f"DNAME {random_name(rng, 2)}"}
        owners.setdefault(owner, []).append(data[kind])
        if kind == "DS":
            owners[owner].append("DS 4711 13 2 " + "00" * 32)
    hidden = tuple(f".{owner}" for owner, data in owners.items() if data[0].startswith("DNAME"))
    kept = {owner: data for owner, data in owners.items() if not owner.endswith(hidden) and
            not (data[0].startswith("DNAME") and f".{data[0].split()[1]}".endswith(hidden))}
    lines = [f"{owner} {record}" for owner, data in kept.items() for record in data]
    head = "$TTL 3600\n@ SOA ns.zz hostmaster 1 7200 3600 604800 300\n@ NS ns.zz\nns.zz A 192.0.2.1\n"
    return head + "\n".join(lines) + "\n", list(kept)


def random_owners(rng, owners):
    near = {change for owner in owners for change in (owner, f"x.{owner}", owner.partition(".")[2] or "@",
                                                      "q." + (owner.partition(".")[2] or "q"))}
    return sorted(near | {random_name(rng, 5) for _ in range(50)})


def as_good(mine, theirs):
    return mine == theirs or theirs[0] == "SERVFAIL" or mine[0] == theirs[0] and mine[1] >= theirs[1]


def range_of(text):
    first, _, last = text.partition("-")
    return range(int(first), int(last or first) + 1)


@pytest.mark.parametrize("seed", range_of(SEEDS))
def test_random_zones(tmp_path, seed):
    """NSD and Knot leave out proofs now and then: where Roost's proofs are neither's, Unbound must like them no less than one's."""
    rng = random.Random(seed)
    master, owners = random_master(rng)
    zones = {signed.name: dataclasses.replace(signed) for signed in SIGNED}
    for signed in zones.values():
        sign(signed, tmp_path, master)
    paths = {name: signed.path for name, signed in zones.items()}
    servers = [served(zones), peers.NsdPrimary(paths), peers.KnotPrimary(paths)]
    resolvers, wrong = {}, []
    for name, signed in zones.items():
        for owner in random_owners(rng, owners):
            for rdtype in ("A", "DS", "TXT"):
                question = full(owner, name), rdtype
                mine, *theirs = answers(servers, *question)
                assert nothing_twice(servers[0], *question), question
                if mine in theirs:
                    continue
                if name not in resolvers:
                    resolvers[name] = [Unbound(signed, server) for server in servers]
                ours, *others = (verdict(resolver, *question) for resolver in resolvers[name])
                if not any(as_good(ours, found) and all(mine[part] == answer[part] for part in ("rcode", "AA", "answer"))
                           for found, answer in zip(others, theirs)):
                    wrong.append(f"{' '.join(question)}: {ours}, others {others}\n{difference(mine, theirs[0])}")
    assert not wrong, "\n".join(wrong + [master])
