"""Update Leases (RFC 9664): records that end by themselves, unless they are refreshed in time."""
import json
import sqlite3
import struct
import time

import dns.edns
import dns.message
import dns.query
import dns.rcode
import dns.update
import pytest

import roost
import secondaries

ZONE = roost.Home.zone
LEASE = 2  # the option's code
DAY = 86400
KEY_DATA = r"\# 8 0200030d00000001"


@pytest.fixture
def home():
    return roost.Home()


def send(home, changes, *lease, key=None, rcode="NOERROR", tcp=False):
    """An update, with a lease or two; what the answer grants, as a tuple, or None."""
    update = dns.update.UpdateMessage(ZONE)
    for verb, *arguments in changes:
        getattr(update, verb)(*arguments)
    options = [dns.edns.GenericOption(LEASE, struct.pack(f"!{len(lease)}I", *lease))] if lease else []
    update.use_edns(0, options=options, request_payload=65535)
    update.use_tsig((key or home.key).dnspython())
    ask = dns.query.tcp if tcp else dns.query.udp
    answer = ask(update, home.server.address, port=home.server.port, timeout=roost.PATIENCE)
    assert dns.rcode.to_text(answer.rcode()) == rcode
    granted = [option.to_wire() for option in answer.options if option.otype == LEASE]
    assert len(granted) <= 1
    return struct.unpack(f"!{len(granted[0]) // 4}I", granted[0]) if granted else None


def leases(home):
    """{(type, RDATA's hexadecimal digits): seconds left}"""
    with sqlite3.connect(f"file:{home.db}?mode=ro", uri=True) as db:
        rows = db.execute("SELECT type, hex(rdata), expires FROM lease").fetchall()
    db.close()
    return {(rdtype, rdata): expires / 1000 - time.time() for rdtype, rdata, expires in rows}


def end_in(home, seconds):
    """Makes all leases end so much later than now: tests do not wait for half a minute."""
    with sqlite3.connect(home.db, timeout=roost.PATIENCE) as db:
        db.execute("UPDATE lease SET expires = ?", [int((time.time() + seconds) * 1000)])
    db.close()


def end_soon(home):
    """The same with the server running: it looks when leases end after the next update that has one."""
    end_in(home, 1)
    with sqlite3.connect(home.db, timeout=roost.PATIENCE) as db:
        rows = db.execute("SELECT count(*) FROM lease").fetchone()
    db.close()
    send(home, [("add", "poke", 60, "A", "192.0.2.250")], DAY)
    return rows[0]


def wait_gone(home, name, rdtype="A"):
    roost.wait_until(lambda: roost.values(home.server, name, rdtype) == [], what=f"the end of {name} {rdtype}")


NAS = f"nas.{ZONE}"


# ---- the option ----

@pytest.mark.parametrize("asked, granted", [
    ((3600,), (3600,)), ((0,), (30,)), ((29,), (30,)), ((DAY + 1,), (DAY,)), ((2**32 - 1,), (DAY,)),
    ((3600, 7200), (3600, 7200)), ((1, 1), (30, 30)), ((2**31, 2**32 - 1), (DAY, 7 * DAY)),
])
def test_what_is_granted_is_told_in_the_form_that_was_asked(home, asked, granted):
    assert send(home, [("add", "nas", 60, "A", "192.0.2.9")], *asked) == granted
    (_, left), = leases(home).items()
    assert granted[0] - 5 < left <= granted[0]


def test_no_option_no_lease(home):
    assert send(home, [("add", "nas", 60, "A", "192.0.2.9")]) is None
    assert leases(home) == {}


def test_a_refused_update_is_told_nothing(home):
    assert send(home, [("present", "nas"), ("add", "nas", 60, "A", "192.0.2.9")], 3600, rcode="NXDOMAIN") is None
    assert send(home, [("add", "nas.example.net.", 60, "A", "192.0.2.9")], 3600, rcode="NOTZONE") is None
    assert leases(home) == {}


@pytest.mark.parametrize("data", [b"", b"\0", b"\0\0\0", b"\0" * 5, b"\0" * 7, b"\0" * 9, b"\0" * 12])
def test_other_lengths_are_malformed(home, data):
    update = dns.update.UpdateMessage(ZONE)
    update.add("nas", 60, "A", "192.0.2.9")
    update.use_edns(0, options=[dns.edns.GenericOption(LEASE, data)])
    answer = dns.query.udp(update, home.server.address, port=home.server.port, timeout=roost.PATIENCE)
    assert dns.rcode.to_text(answer.rcode()) == "FORMERR"


def test_queries_ignore_it(home):
    question = dns.message.make_query(home.host, "A", options=[dns.edns.GenericOption(LEASE, b"\0\0\0\1")])
    answer = dns.query.udp(question, home.server.address, port=home.server.port, timeout=roost.PATIENCE)
    assert answer.answer and not [option for option in answer.options if option.otype == LEASE]


def test_key_records_have_an_interval_of_their_own(home):
    changes = [("add", "nas", 60, "A", "192.0.2.9"), ("add", "nas", 60, "KEY", KEY_DATA)]
    assert send(home, changes, 60, 6000) == (60, 6000)
    assert sorted(int(left / 100) for left in leases(home).values()) == [0, 59]
    assert send(home, changes, 600) == (600,)  # one for both
    assert {int(left / 100) for left in leases(home).values()} == {5}


# ---- the end ----

def test_the_end_is_a_version_that_secondaries_get(home):
    bind = secondaries.Bind(ZONE, home.server, home.key, start=False)
    home.server.ctl("peer", "add", ZONE, f"{bind.address}@{bind.port}", "--key", home.key.name)
    bind.start()
    send(home, [("add", "nas", 60, "A", "192.0.2.9"), ("add", "nas", 60, "TXT", "x")], 3600)
    send(home, [("add", "nas", 60, "A", "192.0.2.10")])  # this one stays
    assert "; lease until 20" in home.server.ctl("record", "list", ZONE, "nas", "TXT").stdout
    before = home.serial()
    end_soon(home)
    wait_gone(home, NAS, "TXT")
    assert roost.values(home.server, NAS) == ["192.0.2.10"]
    bind.wait_serial(home.serial())
    assert roost.values(bind, NAS) == ["192.0.2.10"] and bind.axfr() == roost.axfr(home.server, ZONE, home.key)
    newest = json.loads(home.server.ctl("log", ZONE, "--json", "--limit", "1").stdout)[0]
    assert (newest["actor"], newest["note"], newest["deleted"]) == ("lease", "leases ended", 2)
    assert newest["serial"] == before + 2  # the poke is one
    assert "; lease" not in home.server.ctl("record", "list", ZONE, "nas").stdout


def test_a_refresh_is_no_version(home):
    record = [("add", "Nas", 60, "SRV", "0 0 80 Www")]
    assert send(home, record, 60) == (60,)
    serial = home.serial()
    assert send(home, [("add", "nas", 60, "SRV", "0 0 80 www")], 3600) == (3600,)
    assert home.serial() == serial
    (_, left), = leases(home).items()  # of one record, however it is spelt
    assert left > 3000


def test_a_refresh_in_time_keeps_the_record(home):
    send(home, [("add", "nas", 60, "A", "192.0.2.9")], 60)
    end_in(home, 1)
    send(home, [("add", "nas", 60, "A", "192.0.2.9")], 60)
    time.sleep(2)
    assert roost.values(home.server, NAS) == ["192.0.2.9"]


def test_an_ended_record_may_come_back(home):
    send(home, [("add", "nas", 60, "A", "192.0.2.9")], 60)
    end_soon(home)
    wait_gone(home, NAS)
    assert send(home, [("add", "nas", 60, "A", "192.0.2.9")], 60) == (60,)
    assert roost.values(home.server, NAS) == ["192.0.2.9"]


@pytest.mark.parametrize("end", ["kill", "stop"])
def test_leases_survive_a_restart(home, end):
    send(home, [("add", "nas", 60, "A", "192.0.2.9"), ("add", "tv", 60, "A", "192.0.2.10")], 3600)
    send(home, [("delete", "tv"), ("add", "tv", 60, "A", "192.0.2.11")])
    getattr(home.server, end)()
    assert len(leases(home)) == 1
    end_in(home, -1)
    home.server.start()
    wait_gone(home, NAS)
    assert roost.values(home.server, f"tv.{ZONE}") == ["192.0.2.11"]
    assert leases(home) == {}


def test_many_end_at_once(home):
    for part in range(3):
        send(home, [("add", f"host{part}-{number}", 60, "A", "192.0.2.9") for number in range(300)], 3600, tcp=True)
    end_soon(home)
    roost.wait_until(lambda: len(leases(home)) == 1, what="the end of all but the last")
    assert len(json.loads(home.server.ctl("log", ZONE, "--json").stdout)) < 12
    assert roost.values(home.server, f"host2-299.{ZONE}") == []


# ---- what stays ----

def test_what_takes_a_lease_away(home):
    a, b = "C0000209", "C000020A"
    both = [("add", "nas", 60, "A", "192.0.2.9"), ("add", "nas", 60, "A", "192.0.2.10")]
    send(home, both, 3600)
    assert set(leases(home)) == {(1, a), (1, b)}
    send(home, [("add", "nas", 60, "A", "192.0.2.9")])  # without: it is to stay
    assert set(leases(home)) == {(1, b)}
    send(home, both, 3600)
    send(home, [("delete", "nas", "A", "192.0.2.10")])
    assert set(leases(home)) == {(1, a)}
    send(home, both, 3600)
    send(home, [("delete", "nas", "A")])
    assert leases(home) == {}
    send(home, both, 3600)
    send(home, [("delete", "nas"), ("add", "nas", 60, "A", "192.0.2.9")], 3600)
    assert set(leases(home)) == {(1, a)}
    send(home, both, 3600)
    home.server.ctl("record", "add", ZONE, "nas", "A", "192.0.2.11")  # by hand: for the whole RRset
    assert leases(home) == {} and len(roost.values(home.server, NAS)) == 3
    send(home, both, 3600)
    send(home, [("add", "tv", 60, "A", "192.0.2.12"), ("add", "tv", 60, "TXT", "x")], 3600)
    home.server.ctl("record", "lock", ZONE, "nas")
    home.server.ctl("record", "lock", ZONE, "tv", "A")
    assert [rdtype for rdtype, _ in leases(home)] == [16]
    home.server.ctl("zone", "import", ZONE, "-", input=home.server.ctl("zone", "export", ZONE).stdout + "x A 192.0.2.1\n")
    assert leases(home) == {}


def test_an_import_without_a_server_ends_leases_too(home):
    send(home, [("add", "nas", 60, "A", "192.0.2.9")], 3600)
    home.server.stop()
    roost.roostctl(home.db, "record", "set", ZONE, "nas", "A", "192.0.2.9")
    assert leases(home) == {}


# ---- grants ----

def test_grants_have_leases(home):
    key = roost.Key.parse(home.server.ctl("key", "add", "nas").stdout)
    number = home.server.ctl("grant", "add", ZONE, "update", "--key", "nas", "--name", "nas", "--lease-default", "10m",
                             "--lease-max", "1h,2h").stdout.split()[1]
    home.server.ctl("grant", "add", ZONE, "update", "--key", "nas", "--name", "tv", "--lease-max", "100")
    assert f"{number} {ZONE} update --key nas --name nas.{ZONE} --lease-default 600 --lease-max 3600,7200\n" in \
        home.server.ctl("grant", "list", ZONE).stdout
    nas, tv = ("add", "nas", 60, "A", "192.0.2.9"), ("add", "tv", 60, "A", "192.0.2.10")
    assert send(home, [nas], key=key) is None  # nobody asked, nobody is told
    assert [int(left / 100) for left in leases(home).values()] == [5]
    assert send(home, [nas], 50, key=key) == (50,)
    assert send(home, [nas], 50000, 50000, key=key) == (3600, 50000)
    assert send(home, [nas, ("add", "nas", 60, "KEY", KEY_DATA)], 50000, 50000, key=key) == (3600, 7200)
    assert send(home, [nas, tv], 50000, key=key) == (100,)  # the same for all
    assert send(home, [tv], key=key) is None
    for wrong in ("29", "x", "1h,", "1h,2h,3h", "-1"):
        home.server.ctl("grant", "add", ZONE, "update", "--key", "nas", "--lease-max", wrong, status=1)
    home.server.ctl("grant", "add", ZONE, "transfer", "--key", "nas", "--lease-max", "1h", status=1)
    said = home.server.ctl("grant", "explain", ZONE, "update", "--key", "nas", "--name", "nas", "--types", "A").stdout
    assert "records last for 600 s" in said and "leases of at most 3600 s" in said
