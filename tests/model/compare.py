"""What Roost, BIND, Knot and NSD answer to the same questions about the same World, and where Roost stands alone.

An answer is compared part by part: RCODE, AA, TC, the answer section, the authority section, and the glue that a referral cannot do
without. In each part Roost must say what most of the peers say, or where no two of them agree what one of them says. ALLOWED lists the
differences that are meant, each with its reason. What needs no peer (Alone) is checked of Roost by itself.
"""
import collections
import concurrent.futures
import dataclasses
import random
import struct

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype

import ask
import world as worlds

SHORTER = (dns.rdatatype.ANY, dns.rdatatype.RRSIG)  # by UDP (RFC 8482 §4.1, §7)
PARTS = ("rcode", "aa", "tc", "answer", "authority", "glue")


# ---- Questions ----

ASKED = ["A", "A", "A", "AAAA", "NS", "NS", "CNAME", "DNAME", "SOA", "MX", "TXT", "DS", "DS", "SRV", "DNSKEY", "RRSIG", "NSEC", "TYPE65280",
         "TYPE65535", "ANY"]


def near(rng, name):
    """A name close to this one: below, above, beside, or another that only looks like it."""
    how = rng.random()
    if how < 0.45:
        return worlds.joined([worlds.random_label(rng) for _ in range(rng.choice((1, 1, 2, 3, 8)))], name) or name
    if how < 0.6:
        return dns.name.Name(name.labels[rng.randrange(len(name.labels)):])
    labels = list(name.labels[:-1])
    if not labels:
        return name
    if how < 0.9:
        labels[rng.randrange(len(labels))] = worlds.random_label(rng)
    else:
        del labels[rng.randrange(len(labels))]
    return worlds.joined(labels, dns.name.root) or name


def questions(world, count):
    """At least so many random questions, always the same for the same World; what is asked by UDP is asked by TCP too."""
    rng = random.Random(f"questions {world.seed}")
    owners = [owner for zone in world.zones for owner in zone.owners()]
    asked = {}
    while len(asked) < count:
        name = rng.choice(owners) if rng.random() < 0.7 else rng.choice(world.targets)
        if rng.random() < 0.6:
            name = near(rng, name)
        if rng.random() < 0.3:
            name = worlds.any_case(rng, name)
        zone = world.zone_of(name)
        types = [dns.rdatatype.from_text(rng.choice(ASKED))] + (zone.types(name) if zone and rng.random() < 0.6 else [])
        how = rng.choice(({"tcp": True}, {"tcp": True, "size": 1232, "dnssec_ok": True}, {}, {"size": 512}, {"size": 1232},
                          {"size": 1232, "dnssec_ok": True}, {"size": rng.choice((700, 900, 1100))}))
        question = ask.Question(name, rng.choice(types), **how)
        asked[question] = asked[question.by_tcp()] = None
    return list(asked)


# ---- Answers ----

@dataclasses.dataclass
class Answer:
    """An answer in parts that compare: a section is a set of (owner, TTL, type, RDATA), all in lower case."""
    rcode: str
    aa: bool = False
    tc: bool = False
    answer: frozenset = frozenset()
    authority: frozenset = frozenset()
    glue: frozenset = frozenset()
    additional: frozenset = frozenset()
    message: dns.message.Message = None
    length: int = 0        # octets
    whole_length: int = 0  # of the answer to the same question by TCP

    def part(self, name):
        return getattr(self, name)

    def lines(self):
        if not self.message:
            return [self.rcode]
        flags = f"{self.rcode}{' aa' if self.aa else ''}{' tc' if self.tc else ''}, {self.length} octets"
        sections = (("answer", self.message.answer), ("authority", self.message.authority), ("additional", self.message.additional))
        return [flags] + [f"  {name}: {line}" for name, section in sections for rrset in section for line in rrset.to_text().split("\n")]


def wire_of(rdata):
    return rdata.to_wire(origin=dns.name.root).lower()


def records(section):
    return frozenset((rrset.name.to_digestable(), rrset.ttl, dns.rdatatype.to_text(rrset.rdtype), wire_of(rdata))
                     for rrset in section for rdata in rrset)


def required_glue(message):
    """The addresses, in a referral, of name servers below the cut: without them nobody gets on (RFC 9471 §2)."""
    wanted = worlds.servers_below(message)
    return records(rrset for rrset in message.additional if rrset.name in wanted and rrset.rdtype in worlds.ADDRESSES)


def read(wire):
    if wire is None:
        return Answer("no answer")
    try:
        message = dns.message.from_wire(wire)
    except dns.exception.DNSException as wrong:
        return Answer(f"unreadable ({type(wrong).__name__}: {wrong}): {wire.hex()}")
    return Answer(dns.rcode.to_text(message.rcode()), bool(message.flags & dns.flags.AA), bool(message.flags & dns.flags.TC),
                  records(message.answer), records(message.authority), required_glue(message), records(message.additional), message,
                  len(wire))


def is_referral(answer):
    """NS in the authority section are always those of a cut: no server here is set to give them elsewhere."""
    return any(rrset.rdtype == dns.rdatatype.NS for rrset in answer.message.authority)


# ---- Roost alone ----

def room(question):
    return 65535 if question.tcp else max(512, question.size)


def check_alone(world, question, wire, answer, whole):
    """What is wrong with an answer whatever the peers say; None when nothing is. `whole`: the answer to the same by TCP."""
    if not answer.message:
        return answer.rcode
    if wire[12:12 + len(question.question())] != question.question():
        return "the question does not come back as it was asked, octet by octet"
    counts = struct.unpack_from("!HHH", wire, 6)
    sections = (answer.message.answer, answer.message.authority, answer.message.additional)
    opt = 1 if question.size else 0
    if (answer.message.edns >= 0) != bool(question.size):
        return "OPT comes if and only if it was in the question (RFC 6891 §6.1.1)"
    if [sum(len(rrset) for rrset in section) for section in sections] != [counts[0], counts[1], counts[2] - opt]:
        return "a record stands twice in a section"
    if len(wire) > room(question):
        return f"{len(wire)} octets are more than the client takes"
    if answer.tc and answer.whole_length <= room(question):
        return "TC, though all of it fits"
    if not answer.answer <= whole.answer or not answer.authority <= whole.authority:
        return "by UDP comes what does not by TCP"
    if not answer.tc and answer.authority != whole.authority and question.rdtype not in SHORTER:
        return "the authority section is shorter than by TCP, without TC"
    if not answer.tc and answer.answer != whole.answer and question.rdtype not in SHORTER:
        return "the answer is shorter than by TCP, without TC"
    if is_referral(answer) and not answer.tc and not world.glue(answer.message) <= answer.glue:
        return "glue is missing without TC (RFC 9471 §3.1)"
    known = world.records()
    for record in answer.additional:
        if record not in known:
            return f"the additional section has what is in no zone: {record}"
    return None


# ---- Chains ----

def redirected(answer, name):
    """A DNAME in the answer section is above the name."""
    return any(rrset.rdtype == dns.rdatatype.DNAME and name.is_subdomain(rrset.name) and name != rrset.name
               for rrset in (answer.message.answer if answer.message else ()))


def chain(question, answer):
    """The names that the answer section goes through, the question's first. A loop ends where it comes by again. A question for CNAME
    or ANY is answered by a CNAME, but for ANY it goes on behind a DNAME (RFC 6672 §3.2)."""
    section = answer.message.answer if answer.message else ()
    targets = {rrset.name: rrset[0].target for rrset in section if rrset.rdtype == dns.rdatatype.CNAME}
    if question.rdtype == dns.rdatatype.ANY:
        targets = {name: target for name, target in targets.items() if redirected(answer, name)}
    names = [question.name]
    while question.rdtype != dns.rdatatype.CNAME and names[-1] in targets and targets[names[-1]] not in names:
        names.append(targets[names[-1]])
    return names


def leaves_zone(world, question, answer):
    """How many names of the chain are in the zone it begins in, when it goes on in another of ours, else 0.

    RFC 1034 §4.3.2 step 1 looks for the best zone again with every name of a chain, and so do Roost and NSD. BIND and Knot stay in the
    zone that they began in. So they vote on the part up to there; from there on, the answer must be what Roost gives to the question
    for the first name outside, which is put to all of them too.
    """
    zones = [world.zone_of(name, question.rdtype) for name in chain(question, answer)]
    outside = [number for number, zone in enumerate(zones) if zone is not zones[0]]
    return outside[0] if outside and zones[outside[0]] else 0


def further(world, question, answer):
    """The question for the first name outside, or None."""
    names = leaves_zone(world, question, answer)
    return dataclasses.replace(question, name=chain(question, answer)[names], tcp=True) if names else None


def head(answer, names):
    """The part of the answer section that belongs to these names of a chain."""
    section = answer.message.answer if answer.message else ()
    return records(rrset for rrset in section if rrset.rdtype == dns.rdatatype.CNAME and rrset.name in names
                   or rrset.rdtype == dns.rdatatype.DNAME and any(name.is_subdomain(rrset.name) for name in names))


# ---- What is meant to differ ----

def ask_again(_world, _question, mine, _theirs):
    return mine.tc


def any_by_udp(_world, question, _mine, _theirs):
    """That it is one RRset of those that TCP gives, check_alone sees."""
    return question.rdtype == dns.rdatatype.ANY and not question.tcp


def any_redirected(_world, question, mine, theirs):
    """By TCP Roost gives all, and more than the others. (Knot gives a DNAME of a wildcard another owner.)"""
    return question.rdtype == dns.rdatatype.ANY and redirected(mine, question.name) and \
        sum(answer.answer <= mine.answer for answer in theirs.values()) > len(theirs) // 2


def written_otherwise(_world, question, mine, _theirs):
    """Without TC: that the whole answer is there, check_alone sees."""
    return not mine.tc or mine.whole_length > room(question)


def glue_is_left_out(world, _question, mine, _theirs):
    return is_referral(mine) and not world.glue(mine.message) <= mine.glue


def glue_by_wildcard(world, _question, mine, theirs):
    """The peers have more glue, of names that are not in the zone."""
    more = frozenset().union(*(answer.glue for answer in theirs.values())) - world.glue(mine.message)
    return is_referral(mine) and mine.glue == world.glue(mine.message) and more.isdisjoint(world.records())


LONGEST_CHAIN = 16  # names that Roost follows
LONG_CHAIN = 5  # names; Knot and NSD end that early


def long_chain(_world, question, mine, theirs):
    """All have the same chain, as far as they go; or a DNAME leads below itself, which only the length of names ends."""
    if any(rrset[0].target.is_subdomain(rrset.name) for rrset in mine.message.answer if rrset.rdtype == dns.rdatatype.DNAME):
        return True
    return len(chain(question, mine)) >= LONG_CHAIN and all(answer.answer <= mine.answer or mine.answer <= answer.answer
                                                            for answer in theirs.values())


# (reason, parts, whether it is this difference: by world, question, Roost's answer, {peer: answer})
ALLOWED = [
    ("RFC 2181 §9: with TC nothing else in the answer counts", ("rcode",), ask_again),
    ("RFC 1034 §3.6.2: chains should be followed and loops signalled; where to give up is not said",
     ("rcode", "tc", "answer", "authority"), long_chain),
    ("RFC 8482 §4.1: by UDP one RRset is enough for ANY, and any of them will do", ("answer", "tc"), any_by_udp),
    ("RFC 6672 §3.2: ANY goes on behind a DNAME; not in BIND", ("answer",), any_redirected),
    ("RFC 1035 §4.1.4: names are compressed as each server likes, so one answer fits where another does not",
     ("tc",), written_otherwise),
    ("RFC 9471 §3.1: TC when glue from below the cut does not fit; BIND and NSD leave it out silently", ("tc",), glue_is_left_out),
    ("RFC 1034 §4.3.3: a delegation ends the wildcards; NSD and Knot make glue of those below it", ("glue",), glue_by_wildcard),
]


def allowed(world, question, mine, theirs, part):
    return any(part in parts and condition(world, question, mine, theirs) for _, parts, condition in ALLOWED)


# ---- The comparison ----

@dataclasses.dataclass
class Difference:
    world: object
    question: ask.Question
    what: str
    answers: dict

    def __str__(self):
        told = "".join(f"\n{name}: " + "\n  ".join(answer.lines()) for name, answer in self.answers.items())
        return f"seed {self.world.seed}, {self.question}: {self.what}{told}"


def agrees(mine, theirs):
    """Whether mine is what most of them say, or where no two agree, what one of them says."""
    value, votes = collections.Counter(theirs).most_common(1)[0]
    return mine == value if votes > 1 else mine in theirs


def parts_that_differ(world, question, mine, theirs):
    if question.rdtype == dns.rdatatype.ANY and question.tcp and not redirected(mine, question.name):
        # All of it: RFC 8482 §4.1 leaves the choice, and only BIND does that too.
        theirs = {"bindprimary": theirs["bindprimary"]}
    wrong = []
    for part in PARTS:
        if part in ("answer", "authority", "glue") and (mine.tc or any(answer.tc for answer in theirs.values())):
            continue  # what fits is the server's choice; the same question was asked by TCP too
        good = agrees(mine.part(part), [answer.part(part) for answer in theirs.values()])
        if not good and not allowed(world, question, mine, theirs, part):
            wrong.append(part)
    return wrong


def parts_that_do_not_join(question, mine, theirs, behind, rest):
    """As parts_that_differ, for a chain that leaves its zone: `behind` is the question from there on, `rest` Roost's answer to it."""
    if mine.tc or any(answer.tc for answer in theirs.values()):
        return []  # the same question was asked by TCP too
    inside = chain(question, mine)
    inside = inside[:inside.index(behind.name)]
    begin = head(mine, inside)
    wrong = [] if agrees(begin, [head(answer, inside) for answer in theirs.values()]) else ["answer, up to the end of the zone"]
    if len(inside) + len(chain(behind, rest)) > LONGEST_CHAIN:
        return wrong
    shorter = question.rdtype in SHORTER and not question.tcp and mine.answer < begin | rest.answer
    if mine.answer != begin | rest.answer and not shorter:
        wrong.append("answer, behind the end of the zone")
    return wrong + [f"{part}, behind the end of the zone" for part in ("rcode", "authority", "glue") if mine.part(part) != rest.part(part)]


def ask_all(world, asked, servers):
    """{question: [(octets, Answer) of each server]}, for these questions and those to which the first server's chains lead."""
    answers, todo = {}, asked
    with concurrent.futures.ThreadPoolExecutor(len(servers)) as pool:
        while todo:
            wires = pool.map(lambda server, questions=todo: ask.ask(server, questions), servers)
            for question, given in zip(todo, zip(*wires)):
                answers[question] = [(wire, read(wire)) for wire in given]
            more = {further(world, question, answers[question][0][1]) for question in todo} - {None}
            todo = sorted((question for question in more if question not in answers), key=str)
    return answers


def compare(world, asked, roostd, peers):
    """The Differences between roostd and the peers over these questions."""
    everything = ask_all(world, asked, [roostd, *peers])
    found = []
    for question, given in everything.items():
        wire, mine = given[0]
        mine.whole_length = everything[question.by_tcp()][0][1].length
        theirs = {peer.name: answer for peer, (_, answer) in zip(peers, given[1:])}
        behind = further(world, question, mine)
        alone = check_alone(world, question, wire, mine, everything[question.by_tcp()][0][1])
        if alone:
            wrong = [alone]
        elif behind:
            wrong = parts_that_do_not_join(question, mine, theirs, behind, everything[behind][0][1])
        else:
            wrong = parts_that_differ(world, question, mine, theirs)
        if wrong:
            found.append(Difference(world, question, ", ".join(wrong), {roostd.name: mine, **theirs}))
    return found
