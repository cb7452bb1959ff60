"""roostctl stats: known traffic gives exactly these differences, whatever the number of workers, and in no other counter."""
import json
import socket
import struct
import time

import dns.message
import dns.opcode
import dns.query
import dns.rcode
import dns.update
import pytest

import roost

FOREVER = ("uptime", "query_time", "update_time", "commit_time")  # not counted exactly: time


def stats(server, *args):
    """As the text says it: {"requests.udp4": 17, …}"""
    lines = [line.split() for line in server.ctl("stats", *args).stdout.splitlines()]
    assert all(len(line) == 2 for line in lines)
    assert len(dict(lines)) == len(lines), "a name stands there twice"
    return {name: int(number) for name, number in lines}


def without_times(counted):
    return {name: number for name, number in counted.items() if name.split(".")[0] not in FOREVER}


class Differences:
    """What changes while the block runs: exactly `expected`, at the latest when the server has done its book-keeping."""

    def __init__(self, server, **expected):
        self.server = server
        self.expected = {name.replace("__", "."): number for name, number in expected.items() if number}

    def __enter__(self):
        self.before = stats(self.server)
        return self

    def now(self):
        after = stats(self.server)
        assert all(after[name] >= number for name, number in self.before.items() if name != "tcp_open"), "a sum fell"
        changed = {name: number - self.before[name] for name, number in without_times(after).items()}
        return {name: number for name, number in changed.items() if number}

    def __exit__(self, kind, *_):
        if kind:
            return
        end = time.monotonic() + roost.PATIENCE
        while self.now() != self.expected and time.monotonic() < end:
            time.sleep(0.02)
        assert self.now() == self.expected


@pytest.fixture(params=[1, 3])
def home(request):
    return roost.Home(workers=request.param)


def test_queries_by_udp(home):
    with Differences(home.server, requests__udp4=60, opcodes__query=60, queries__A=30, queries__other=10, queries__CAA=20,
                     answers__NOERROR=40, answers__NXDOMAIN=20, edns=30, dnssec_ok=20):
        for _ in range(10):  # a socket each: every worker gets some
            roost.query(home.server, home.host, "A")
            roost.query(home.server, home.host, "A", use_edns=0)
            roost.query(home.server, home.host, "A", want_dnssec=True)
            roost.query(home.server, home.host, "TYPE4711")
            roost.query(home.server, "nix." + home.zone, "CAA")
            roost.query(home.server, "nix." + home.zone, "CAA", want_dnssec=True)


def test_queries_by_tcp(home):
    with Differences(home.server, requests__tcp4=5, opcodes__query=5, queries__SOA=5, answers__NOERROR=5, tcp_accepted=5):
        for _ in range(5):
            roost.query(home.server, home.zone, "SOA", tcp=True)


def test_ipv6():
    home = roost.Home(address="::1")
    with Differences(home.server, requests__udp6=1, requests__tcp6=1, opcodes__query=2, queries__SOA=2, answers__NOERROR=2,
                     tcp_accepted=1):
        roost.query(home.server, home.zone, "SOA")
        roost.query(home.server, home.zone, "SOA", tcp=True)


def test_truncated(home):
    home.server.ctl("record", "add", home.zone, "big", "TXT", *["x" * 250] * 4)
    with Differences(home.server, requests__udp4=2, opcodes__query=2, queries__TXT=2, answers__NOERROR=2, truncated=1, edns=1):
        roost.query(home.server, "big." + home.zone, "TXT")
        roost.query(home.server, "big." + home.zone, "TXT", use_edns=0, payload=1232)


def test_what_is_refused_malformed_or_no_request(home):
    mark = dns.message.make_query(home.zone, "SOA").to_wire()
    answer = bytearray(mark)
    answer[2] |= 0x80
    with Differences(home.server, requests__udp4=6, opcodes__query=4, opcodes__other=1, opcodes__notify=1, queries__SOA=4,
                     answers__NOERROR=1, answers__REFUSED=2, answers__FORMERR=1, answers__NOTIMP=1, answers__BADVERS=1,
                     edns=1, dropped__no_request=2), \
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.connect((home.server.address, home.server.port))
        udp.settimeout(roost.PATIENCE)
        later = dns.message.make_query(home.zone, "SOA")
        later.use_edns(2)
        notify = dns.message.make_query(home.zone, "SOA")
        notify.set_opcode(dns.opcode.NOTIFY)
        for packet in (b"short", bytes(answer), dns.message.make_query("example.net", "SOA").to_wire(), mark + b"more",
                       struct.pack("!6H", 1, 2 << 11, 0, 0, 0, 0), notify.to_wire(),
                       later.to_wire(), mark):
            udp.send(packet)
        for _ in range(6):
            udp.recv(65535)


def test_signatures(home):
    wrong = roost.Key(home.key.name)
    stranger = roost.Key("stranger")
    with Differences(home.server, requests__udp4=3, opcodes__query=3, queries__SOA=3, answers__NOERROR=1, answers__NOTAUTH=2,
                     tsig__ok=1, tsig__badsig=1, tsig__badkey=1):
        roost.query(home.server, home.zone, "SOA", key=home.key)
        for key in (wrong, stranger):
            with pytest.raises(dns.exception.DNSException):
                roost.query(home.server, home.zone, "SOA", key=key)


def update(home, key=None):
    message = dns.update.UpdateMessage(home.zone)
    if key:
        message.use_tsig(key.dnspython())
    return message


def send(home, message, ask=dns.query.udp):
    return ask(message, home.server.address, port=home.server.port, timeout=5).rcode()


def test_updates(home):
    with Differences(home.server, requests__udp4=3, requests__tcp4=1, opcodes__update=4, answers__NOERROR=2,
                     answers__NXRRSET=1, answers__REFUSED=1, updates__NOERROR=2, updates__NXRRSET=1, updates__REFUSED=1,
                     tsig__ok=3, tcp_accepted=1, commit_batches=3, commit_jobs=3):
        good = update(home, home.key)
        good.replace("home", 60, "A", "192.0.2.77")
        assert send(home, good) == dns.rcode.NOERROR
        again = update(home, home.key)
        again.replace("home", 60, "A", "192.0.2.77")
        assert send(home, again, dns.query.tcp) == dns.rcode.NOERROR
        failing = update(home, home.key)
        failing.present("home", "MX")
        assert send(home, failing) == dns.rcode.NXRRSET
        assert send(home, update(home)) == dns.rcode.REFUSED
    times = stats(home.server)
    assert times["update_time.count"] == times["update_time.le_inf"] == 3
    assert times["commit_time.count"] == times["commit_batches"] and times["update_time.sum_ns"] > 0


def test_a_resent_update_is_counted_apart(home):
    message = update(home, home.key)
    message.add("once", 60, "A", "192.0.2.1")
    wire = message.to_wire()
    with Differences(home.server, requests__udp4=1, opcodes__update=1, answers__NOERROR=1, updates__NOERROR=1,
                     updates_resent=1, tsig__ok=1, commit_batches=1, commit_jobs=1), \
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.settimeout(roost.PATIENCE)
        udp.connect((home.server.address, home.server.port))
        for _ in range(2):
            udp.send(wire)
            udp.recv(65535)


def test_transfers(home):
    before = home.serial()
    home.move("192.0.2.88")
    with Differences(home.server) as d:
        messages = roost.transfer(home.server, home.zone, key=home.key)
        total, octets = len(roost.records(messages)), stats(home.server)["transfer_octets"] - d.before["transfer_octets"]
        assert octets >= sum(len(message.to_wire()) for message in messages)
        d.expected = {"requests.tcp4": 1, "opcodes.query": 1, "queries.AXFR": 1, "transfers.axfr": 1, "tsig.ok": 1,
                      "tcp_accepted": 1, "transfer_octets": octets, "transfer_records": total}
    with Differences(home.server) as d:
        for serial in (before, home.serial(), 3000000000):
            roost.transfer(home.server, home.zone, "IXFR", key=home.key, serial=serial)
        roost.wait_until(lambda: d.now().get("transfer_records"))
        now = d.now()
        assert (now["transfers.ixfr"], now["transfers.uptodate"], now["transfers.ixfr_whole"]) == (1, 1, 1), now
        assert now["queries.IXFR"] == now["requests.tcp4"] == now["tsig.ok"] == 3
        d.expected = now


def test_notify(home):
    """One secondary that answers, one that answers with an error, one that is not there."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as good, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as bad:
        with Differences(home.server, notify__sent=2, notify__acked=1, notify__failed=1, commit_batches=2, commit_jobs=2):
            for peer, rcode in ((good, dns.rcode.NOERROR), (bad, dns.rcode.REFUSED)):
                peer.bind(("127.0.0.1", 0))
                peer.settimeout(roost.PATIENCE)
                home.server.ctl("peer", "add", home.zone, f"127.0.0.1@{peer.getsockname()[1]}")
                wire, sender = peer.recvfrom(65535)
                answer = dns.message.make_response(dns.message.from_wire(wire))
                answer.set_rcode(rcode)
                peer.sendto(answer.to_wire(), sender)


def test_connections():
    home = roost.Home("--tcp-connections", 2, "--tcp-idle", "600s", workers=1)
    with Differences(home.server, tcp_accepted=3, tcp_open=2, tcp_closed__evicted=1):
        streams = [socket.create_connection((home.server.address, home.server.port)) for _ in range(3)]
    with Differences(home.server, tcp_open=-2):
        for stream in streams:
            stream.close()


def test_idle_connections():
    home = roost.Home("--tcp-idle", "200ms")
    with Differences(home.server, tcp_accepted=1, tcp_closed__idle=1), \
            socket.create_connection((home.server.address, home.server.port)) as stream:
        assert stream.recv(1) == b""


def test_times_add_up(home):
    before = stats(home.server)
    for _ in range(20):
        roost.query(home.server, home.zone, "SOA")
    after = roost.wait_until(lambda: (now := stats(home.server))["query_time.count"] == before["query_time.count"] + 20 and now)
    buckets = [number for name, number in after.items() if name.startswith("query_time.le_")]
    assert buckets == sorted(buckets) and buckets[-1] == after["query_time.count"]
    assert after["query_time.sum_ns"] > before["query_time.sum_ns"]


def test_text_and_json_say_the_same(home):
    text = home.server.ctl("stats").stdout
    assert len({line.index(line.split()[1], len(line.split()[0])) for line in text.splitlines()}) == 1, "not aligned"
    flat = {}
    for family, value in json.loads(home.server.ctl("stats", "--json").stdout).items():
        flat.update({f"{family}.{name}": number for name, number in value.items()} if isinstance(value, dict)
                    else {family: value})
    assert without_times(flat) == without_times(stats(home.server))
    assert list(flat) == [line.split()[0] for line in text.splitlines()]


def test_memory_only_when_asked(home):
    assert not any(name.startswith("memory") for name in stats(home.server))
    before = stats(home.server, "--memory")
    assert before["memory.zones"] == 1
    assert before["memory.records"] == len(roost.axfr(home.server, home.zone, home.key))
    home.update("update add a.b.c.home.example 60 TXT new")
    after = stats(home.server, "--memory")
    assert after["memory.records"] == before["memory.records"] + 1
    assert after["memory.nodes"] == before["memory.nodes"] + 3
    assert after["memory.octets"] > before["memory.octets"]
    home.server.ctl("zone", "remove", home.zone)
    assert stats(home.server, "--memory")["memory.zones"] == 0


def test_without_a_server(tmp_path):
    db = str(tmp_path / "roost.db")
    roost.roostctl(db, "init")
    done = roost.roostctl(db, "stats", status=1)
    assert done.stdout == "" and "no server runs" in done.stderr
    roost.roostctl(db, "stats", "now", status=2)
