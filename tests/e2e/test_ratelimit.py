"""Response rate limiting (server/dns/ratelimit.h): whoever's address is forged is not flooded by us.

All clients are on loopback addresses, so it is forced with --rate-limit-enabled yes.
"""
import os
import re
import struct
import time

import dns.edns
import dns.flags
import dns.message
import dns.update
import pytest
import roost
from flood import FLOOD, Client, check_limited, query
from test_hostile import connect, framed, receive

RATE = 20
COOKIE = 10  # the option
TABLE_KB = 4096  # what a table may bring to a worker's memory, with room


def limited_home(*args, workers=1, **more):
    """A home that limits loopback clients too."""
    return roost.Home("--rate-limit-enabled", "yes", "--rate-limit-answers", RATE, "--rate-limit-negative", RATE,
                      "--rate-limit-errors", RATE, *args, workers=workers, **more)


def behind_a_flood(client, zone, packets):
    """What comes back to these, sent in one burst behind enough of the same question: no pause lets the limit recover."""
    flood = [query(zone, "SOA", 0x1000 + i) for i in range(RATE * 2)]
    idents = [packet[:2] for packet in packets]
    return [answer for answer in client.exchange(flood + packets) if answer[:2] in idents]


def test_alike_answers_are_limited():
    home = limited_home()
    with Client(home) as client:
        started = time.monotonic()
        tally = client.flood(home.zone, "SOA")
        check_limited(tally, started, RATE)
        counted = dict(line.split() for line in home.server.ctl("stats").stdout.splitlines())
        assert int(counted["rate_limited.dropped"]) == int(counted["dropped.silent"]) == tally.nothing
        assert int(counted["rate_limited.slipped"]) == int(counted["truncated"]) == tally.truncated
        # Other names and kinds are counted by themselves.
        assert client.flood(home.zone, "A", RATE // 2).whole == RATE // 2
        assert client.flood(home.host, "TXT", RATE // 2).whole == RATE // 2
    with Client(home, source="127.0.1.1") as neighbour:
        assert neighbour.flood(home.zone, "SOA", RATE).whole == RATE
    lines = re.findall(r"rate limit: one answer to (\S+) more than 20 times a second", home.server.text())
    assert lines == ["127.0.0.0/24"]


def test_the_limit_ends():
    home = limited_home()
    with Client(home) as client:
        client.flood(home.zone, "SOA")
        time.sleep(0.5)
        assert client.flood(home.zone, "SOA", RATE // 4).whole == RATE // 4


@pytest.mark.parametrize("name, rdtype", [("nx%d.home.example", "A"), ("a%d.wild.home.example", "TXT"), ("a%d.wild.home.example", "A"),
                                          ("a%d.cut.home.example", "A"), ("a%d.alias.home.example", "A"), ("a%d.invalid", "A")],
                         ids=["no name", "wildcard", "wildcard, no data", "referral", "DNAME", "refused"])
def test_new_names_do_not_help(name, rdtype):
    """Whatever is asked, what answers is one name in the zone."""
    home = limited_home()
    home.update("update add *.wild.home.example 60 TXT any", "update add cut.home.example 60 NS ns.cut.home.example",
                "update add ns.cut.home.example 60 A 192.0.2.1", "update add alias.home.example 60 DNAME nowhere.invalid.")
    with Client(home) as client:
        started = time.monotonic()
        tally = client.flood(name, rdtype)
    if name.endswith("invalid"):  # an error cannot be truncated: every second goes as it is
        assert not tally.truncated and tally.nothing >= (FLOOD - RATE * (2 + time.monotonic() - started)) / 2 - 1
    else:
        check_limited(tally, started, RATE)


def test_what_a_truncated_answer_holds():
    """The question, TC, OPT if there was one, and no record (RFC 2181 §9 leaves what is before TC to us)."""
    home = limited_home("--rate-limit-slip", 1)
    with Client(home) as client:
        plain, extended = query(home.zone, "SOA", 7), query(home.zone, "SOA", 8, use_edns=0, payload=1232)
        for packet, answer in zip((plain, extended), behind_a_flood(client, home.zone, [plain, extended]), strict=True):
            message = dns.message.from_wire(answer)
            assert message.id == struct.unpack("!H", packet[:2])[0]
            assert message.flags & dns.flags.TC and message.flags & dns.flags.QR
            assert message.question == dns.message.from_wire(packet).question
            assert not message.answer and not message.authority
            assert (message.edns >= 0) == (packet is extended)
            assert len(answer) <= len(packet)


@pytest.mark.parametrize("slip", [0, 1, 5])
def test_slip(slip):
    home = limited_home("--rate-limit-slip", slip)
    with Client(home) as client:
        tally = client.flood(home.zone, "SOA")
    over = tally.truncated + tally.nothing
    assert over > FLOOD / 2
    assert tally.truncated == (over // slip if slip else 0)


def test_who_is_not_limited():
    """TCP and TSIG: their address is no forgery. UPDATE: its answer is no longer than its question."""
    home = limited_home("--rate-limit-exempt", "127.0.9.0/24")
    count = RATE * 3
    with connect(home.server) as stream:
        stream.sendall(b"".join(framed(query(home.zone, "SOA", i)) for i in range(count)))
        assert all(dns.message.from_wire(receive(stream)).answer for _ in range(count))
    with Client(home) as client:
        signed, updates = [], []
        for i in range(count):
            question = dns.message.make_query(home.zone, "SOA", id=i)
            question.use_tsig(home.key.dnspython())
            signed.append(question.to_wire())
            update = dns.update.UpdateMessage(home.zone, id=i)
            update.add("x", 60, "A", "192.0.2.1")
            updates.append(update.to_wire())
        answers = client.exchange(signed)
        assert len(answers) == count and not any(answer[2] & 2 for answer in answers)
        assert len(client.exchange(updates)) == count
        assert client.flood(home.zone, "SOA", FLOOD).whole < FLOOD
    with Client(home, source="127.0.9.1") as client:
        assert client.flood(home.zone, "SOA", FLOOD).whole == FLOOD


def cookie_in(answer):
    """The COOKIE option of an answer (RFC 7873 §4), as octets."""
    return next(option.to_wire() for option in dns.message.from_wire(answer).options if option.otype == COOKIE)


def with_cookie(name, ident, octets):
    return query(name, "SOA", ident, use_edns=0, options=[dns.edns.GenericOption(COOKIE, octets)])


def test_cookies():
    """A valid one exempts (RFC 7873 §5.2.5). Who has none yet gets one with the truncated answer, and no other option."""
    home = limited_home("--rate-limit-slip", 1, "--identity-id", "x" * 100)
    with Client(home) as client:
        ours = os.urandom(8)
        nsid = dns.edns.GenericOption(dns.edns.OptionType.NSID, b"")
        first = query(home.zone, "SOA", 1, use_edns=0, options=[dns.edns.GenericOption(COOKIE, ours), nsid])
        [answer] = behind_a_flood(client, home.zone, [first])
        message = dns.message.from_wire(answer)
        assert message.flags & dns.flags.TC and [option.otype for option in message.options] == [COOKIE]
        cookie = cookie_in(answer)
        assert cookie.startswith(ours) and len(cookie) == 24
        whole = client.exchange([with_cookie(home.zone, i, cookie) for i in range(FLOOD)])
        assert len(whole) == FLOOD and not any(answer[2] & 2 for answer in whole)
        wrong = cookie[:-1] + bytes([cookie[-1] ^ 1])
        assert any(answer[2] & 2 for answer in client.exchange([with_cookie(home.zone, i, wrong) for i in range(RATE * 3)]))


def test_bad_signatures_are_limited():
    home = limited_home("--rate-limit-slip", 0)
    stranger = roost.Key("stranger").dnspython()
    packets = []
    for i in range(RATE * 3):
        question = dns.message.make_query(home.zone, "SOA", id=i)
        question.use_tsig(stranger)
        packets.append(question.to_wire())
    with Client(home) as client:
        assert len(client.exchange(packets)) < len(packets)


def test_loopback_is_not_public():
    home = roost.Home("--rate-limit-answers", RATE, workers=1)
    with Client(home) as client:
        assert client.flood(home.zone, "SOA").whole == FLOOD


def test_workers_share_the_rate():
    """Each has its part; clients are spread over them by address and port."""
    home = limited_home(workers=2)
    started = time.monotonic()
    whole = 0
    for _ in range(16):
        with Client(home) as client:
            whole += client.flood(home.zone, "SOA", 40).whole
    assert RATE // 2 <= whole <= RATE + RATE * (time.monotonic() - started) + 2


def test_a_flood_costs_no_memory():
    home = limited_home()
    with Client(home) as client:
        client.flood(home.zone, "SOA")
        before = resident_kb(home.server)
        for i in range(10):
            client.flood(f"%d.{i}.nowhere.home.example", "A")
    assert resident_kb(home.server) <= before + TABLE_KB
    assert home.server.text().count("rate limit:") <= 3


def resident_kb(server):
    with open(f"/proc/{server.popen.pid}/status", encoding="ascii") as status:
        return int(re.search(r"VmRSS:\s+(\d+) kB", status.read())[1])
