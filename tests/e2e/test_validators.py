"""What validators that have a zone's key as trust anchor think of Roost's answers from it (signed.py): Unbound, delv, drill -S and, for
the whole zone, ldns-verify-zone.
"""
import concurrent.futures
import dataclasses
import os
import random
import tempfile

import dns.flags
import dns.rcode
import dns.rdatatype
import peers
import pytest
import roost
from signed import OWNERS, SIGNED, Signed, empty_non_terminals, full, is_below, is_referred, questions, served, sign
from test_dnssec import answers, difference, nothing_twice


# ---- Unbound ----

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


# ---- delv and drill, once for every question ----

VALIDATED, NEGATIVE, UNSIGNED = "; fully validated", "; negative response, fully validated", "; unsigned answer"


def judged(name):
    """(owner, type) of what one run of a program a question is spent on."""
    for owner in OWNERS:
        yield owner, "A"
        yield owner, "DS"
    yield "@", "DNSKEY"
    yield "@", "MX"


def written(text):
    path = os.path.join(tempfile.mkdtemp(dir=roost.scratch), "anchor")
    with open(path, "w", encoding="ascii") as out:
        out.write(text)
    return path


def anchor_for_delv(name, anchor):
    flags = anchor.split(" DNSKEY ")[1].split()
    return written(f'trust-anchors {{ "{name}" static-key {" ".join(flags[:3])} "{"".join(flags[3:])}"; }};\n')


def anchor_for_ldns(anchor):
    return written(anchor.replace(" DNSKEY ", " IN DNSKEY ") + "\n")


def delv(server, anchor, name, owner, rdtype):
    """The lines that are its verdict, and all that it said."""
    done = roost.run(["delv", f"@{server.address}", "-p", server.port, "-a", anchor, f"+root={name}", full(owner, name), rdtype],
                     status=None)
    return {line for line in done.stdout.splitlines() if "validated" in line or "unsigned" in line}, done.stdout + done.stderr


def drill(server, anchor, name, owner, rdtype):
    """Whether it is content, and all that it said."""
    done = roost.run(["drill", "-S", "-D", "-a", "-b", "4096", "-k", anchor, "-p", server.port, f"@{server.address}", full(owner, name), rdtype],
                     status=None)
    return done.stdout.endswith(";; Chase successful\n"), done.stdout + done.stderr


def ask_all(tool, server, anchor, name):
    """{(owner, type): what it said}, as many at once as there are cores."""
    asked = [question for question in judged(name) if not is_referred(*question)]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        return dict(zip(asked, pool.map(lambda question: tool(server, anchor, name, *question), asked)))


def is_positive(server, name, owner, rdtype):
    return bool(roost.query(server, full(owner, name), rdtype, want_dnssec=True, tcp=True).answer)


@pytest.mark.parametrize("name", [signed.name for signed in SIGNED])
def test_delv_validates_every_answer(signed_zones, name):
    """With opt-out, who asks for the name of a wildcard may have an unsigned delegation of that name (RFC 5155 §12.2)."""
    signed = signed_zones[name]
    server = served({name: signed})
    for (owner, rdtype), (verdict_lines, said) in ask_all(delv, server, anchor_for_delv(name, signed.anchor), name).items():
        wanted = VALIDATED if is_positive(server, name, owner, rdtype) else NEGATIVE
        wildcard = signed.opt_out and UNSIGNED in verdict_lines and may_be_delegated(owner)
        assert verdict_lines == {wanted} or wildcard, f"{owner} {rdtype}:\n{said}"


def may_be_delegated(owner):
    return owner in ("cnwild", "*.wcn") or any(is_below(owner, above) for above in ("wcn", "wcn2", "wcnnx", "wild", "star", "dnwild"))


def drill_is_wrong(signed, owner, rdtype):
    """Why drill 1.8.3 rejects what the others take, whoever serves it; None if it does not."""
    if any(is_below(owner, redirected) for redirected in ("dn", "dnnx", "dnwild")) or owner == "cndn":
        return "it wants a signature for the CNAME that is made of a DNAME (RFC 6672 §5.3.1)"
    if not signed.nsec3 and owner in empty_non_terminals():
        return "it wants a proof about wildcards beside an NSEC whose next name is below the question's (RFC 4035 §5.4)"
    if signed.nsec3 and not signed.opt_out and rdtype == "DS" and any(is_below(owner, above) for above in ("wild", "star")):
        return "it does not know the proof that a wildcard has no DS (RFC 5155 §8.7)"
    if signed.opt_out and rdtype != "DS" and owner in ("cutent", "cutent2", "in.cutent2"):
        return "it wants an NSEC3 for the empty non-terminal of an insecure delegation, which needs none (RFC 5155 §7.1)"
    return None


@pytest.mark.parametrize("name", [signed.name for signed in SIGNED])
def test_drill_chases_every_answer(signed_zones, name):
    signed = signed_zones[name]
    server = served({name: signed})
    rejected = {}
    for question, (content, said) in ask_all(drill, server, anchor_for_ldns(signed.anchor), name).items():
        if not content and not drill_is_wrong(signed, *question):
            rejected[question] = said
    assert not rejected, f"{list(rejected)}\n" + next(iter(rejected.values()))


def test_validators_want_the_right_key(signed_zones):
    """The same answers do not please them when the trust anchor is somebody else's key."""
    name, other = "nsec3.bind.test", "optout.bind.test"
    stranger = dataclasses.replace(signed_zones[name], anchor=signed_zones[other].anchor.replace(other, name))
    server = served({name: stranger})
    assert verdict(Unbound(stranger, server), f"www.{name}", "A") == ("SERVFAIL", False)
    for question in (("www", "A"), ("nothing", "A"), ("a.wild", "A"), ("insecure", "DS")):
        assert delv(server, anchor_for_delv(name, stranger.anchor), name, *question)[0] == set()
        assert not drill(server, anchor_for_ldns(stranger.anchor), name, *question)[0]


def test_more_iterations_than_count(tmp_path):
    """Roost hashes no name 501 times and more, NSD does (RFC 9276 §3.2): to a validator the zone is unsigned where names are denied,
    and as good as ever where they are not."""
    name = "many.ldns.test"
    signed = Signed(name, "ldns", nsec3=True, iterations=501)
    sign(signed, tmp_path)
    server = served({name: signed})
    ours = verdicts(Unbound(signed, server), name)
    theirs = verdicts(Unbound(signed, peers.NsdPrimary({name: signed.path})), name)
    assert ours == {question: ours[question] if found[0] == "SERVFAIL" else found for question, found in theirs.items()}
    assert ours[f"www.{name}", "A"] == ("NOERROR", True)
    assert ours[f"nothing.{name}", "A"] == ("NXDOMAIN", False) and ours[f"www.{name}", "CNAME"] == ("NOERROR", False)
    anchor = anchor_for_delv(name, signed.anchor)
    for owner, rdtype in (("nothing", "A"), ("www", "DS"), ("a.wild", "A"), ("insecure", "DS"), ("ent", "A")):
        lines, said = delv(server, anchor, name, owner, rdtype)
        assert UNSIGNED in lines or "; negative response, unsigned answer" in lines, said


# ---- ldns-verify-zone ----

@pytest.mark.parametrize("name", [signed.name for signed in SIGNED])
def test_export_is_still_a_valid_zone(signed_zones, name):
    signed = signed_zones[name]
    server = served({name: signed})
    directory = tempfile.mkdtemp(dir=roost.scratch)
    exported = os.path.join(directory, "exported")
    with open(exported, "w", encoding="utf-8") as out:
        out.write(server.ctl("zone", "export", name).stdout)
    assert "Zone is verified and complete" in roost.run(["ldns-verify-zone", "-k", anchor_for_ldns(signed.anchor), exported]).stdout


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
