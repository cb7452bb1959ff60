"""One master file, signed in every way: by BIND's and ldns's signer, with NSEC, NSEC3, and NSEC3 with opt-out.

It has what there are proofs for, and more of it than a sensible zone: wildcards and what blocks them, empty non-terminals, cuts with and
without DS, chains by CNAME and DNAME, odd octets. SIGNED lists the zones, questions() what to ask. Which answers are no matter for
a validator that has one zone's key is told by is_referred().
"""
import dataclasses
import os
import tempfile

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
alias.tgt CNAME www
dnnx DNAME none
dnwild DNAME wild
cndn CNAME alias.dn
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
a.wcn b.a.wcn *.wcn wcn a.wcn2 a.wcnnx dn www.dn x.dn x.y.dn alias.dn cndn dnnx x.dnnx dnwild x.dnwild tgt x.tgt www.tgt
ent b.ent a.b.ent x.ent x.b.ent x.a.b.ent
wild a.wild *.wild b.a.wild blocker.wild x.blocker.wild deep.wild y.deep.wild q.deep.wild
x.y.deep.wild q.y.deep.wild q.x.y.deep.wild
star a.star *.star a.*.star b.a.*.star
insecure host.insecure ns.insecure secure host.secure ns.secure
cutent in.cutent x.in.cutent x.cutent cutent2 in.cutent2 deep.in.cutent2 x.in.cutent2 mixent a.mixent b.mixent x.mixent
a\\000b a\\001b a\\000 a\\002b \\255 \\254 \\255\\255 a-b a-a b.a-b aa.a-b ab.aa.a-b
""".split()

TYPES = ("A", "TXT", "DS", "CNAME")
CUTS = ("insecure", "secure", "in.cutent", "deep.in.cutent2", "a.mixent")


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


# The DNSKEY RRset of the one with RSA is too large for UDP.
SIGNED = [
    Signed("nsec.bind.test", "bind"), Signed("nsec.ldns.test", "ldns", algorithm=("RSASHA256", "-b", "3072")),
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


def is_below(owner, above):
    return owner.endswith(f".{above}")


def is_referred(owner, rdtype):
    """Whether the server only says who else knows: the child's servers, which are not there, or for the apex's DS the parent's."""
    if rdtype == "DS":
        return owner == "@" or any(is_below(owner, cut) for cut in CUTS)
    return any(owner == cut or is_below(owner, cut) for cut in CUTS)


def empty_non_terminals():
    owners = {line.split()[0] for line in MASTER.splitlines() if line and not line.startswith("$")}
    above = {owner.partition(".")[2] for owner in owners} - {""}
    above |= {owner.partition(".")[2] for owner in above} | {owner.partition(".")[2].partition(".")[2] for owner in above}
    return above - owners - {""}
