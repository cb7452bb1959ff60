"""What TSIG-signed updates cost, each replacing one A RRset, durable before it is acknowledged.

Knot, BIND, PowerDNS (sqlite3) and Roost take them one at a time, 64 in flight in one zone of 100,000 hosts, and 64 in flight all
over 1,000 home zones. Roost alone: zones of 10,000 and 1,000,000 hosts; the latency of queries beside half of the updates that
it can take; with BENCH_MILLIONS=N the memory over so many million updates of the same names.

Rates and syncs are those of the same minute: how fast a disk syncs changes from one moment to the next, above all when others
use it, so each row has the rate of bare fdatasync measured between its rounds.
"""
import os
import statistics
import time

import datasets
import roost
import servers

MILLIONS = float(os.environ.get("BENCH_MILLIONS", 0))
HOSTS, HOMES = 100000, 1000
SMALL, LARGE = 10000, 1000000
LANES, IN_FLIGHT = 16, 64
PACE, WINDOW = 5000, 64  # queries a second where latency is measured, far from what the server can take; in flight at most
PAGE = 4096


def syncs(directory, seconds=0.3):
    """fdatasync of one page overwritten, as a WAL that is in use is, a second."""
    path, count = os.path.join(directory, "syncs"), 0
    with open(path, "wb", buffering=0) as out:
        out.write(b"\1" * PAGE)
        os.fdatasync(out.fileno())
        begin = time.monotonic()
        while time.monotonic() - begin < seconds:
            out.seek(0)
            out.write(b"\0" * PAGE)
            os.fdatasync(out.fileno())
            count += 1
        rate = count / (time.monotonic() - begin)
    os.remove(path)
    return rate


def key_of(server):
    return f"{server.key.algorithm}:{server.key.name}:{server.key.secret}"


class Bench:
    """`tools` is tests/bench/run: how it starts servers, puts load on them and takes notes."""

    def __init__(self, tools, rounds):
        self.tools = tools
        self.rounds = rounds
        self.rows = []

    def start(self, classes, name, data):
        """Those with this data, for updates; the questions' file has the owners."""
        return self.tools.start_all(classes, name, data, roost.Key("bench"))

    def updates(self, server, in_flight, *more):
        counted = self.tools.load(server, "-f", server.data.questions["owners"], "-l", min(in_flight, LANES), "-w", in_flight,
                                  "-y", key_of(server), *more)
        self.tools.check_counts(server, f"updates, {in_flight} in flight", counted, 0)
        if not counted.get("rcode0"):
            raise RuntimeError("no update was done")
        return counted

    def measure(self, label, running, in_flight):
        """Rows of rates, and of CPU an update."""
        rates, costs, disk = {}, {}, []
        for number in range(self.rounds):
            self.tools.say(f"updates, {label}, {in_flight} in flight, round {number + 1} of {self.rounds}")
            disk.append(syncs(self.tools.WORK))
            for server in list(running):
                counted = self.tools.attempt(server, running, lambda s=server: self.updates(s, in_flight))
                if counted:
                    rates.setdefault(server.title, []).append(counted["rcode0"] / counted["seconds"])
                    costs.setdefault(server.title, []).append(counted["cpu"] / counted["rcode0"])
        rate = {title: f"{statistics.median(each):,.0f}" for title, each in rates.items()}
        rate["echo"] = f"{statistics.median(disk):,.0f} syncs/s"
        self.rows.append((f"updates/s, {label}, {in_flight} in flight", rate))
        self.rows.append(("…CPU an update", {title: f"{statistics.median(each) * 1e6:,.0f} µs" for title, each in costs.items()}))
        return {title: statistics.median(each) for title, each in rates.items()}

    def latency(self, server, rate):
        """The 99th percentile for queries, beside nothing and beside half of the updates that the server takes."""
        quiet, loaded = [], []
        for _ in range(self.rounds):
            asked = ["-f", server.data.questions["hits"], "-l", 1, "-w", WINDOW, "-p", PACE]
            quiet.append(self.tools.load(server, *asked)["latency_p99_us"])
            beside = self.tools.load(server, *asked, "-y", key_of(server), "-u", server.data.questions["owners"],
                                     "-r", int(rate / 2))
            loaded.append(beside["latency_p99_us"])
            if beside["updates_done"] < 0.9 * beside["updates_sent"]:
                self.tools.note(f"only {beside['updates_done']:,.0f} of {beside['updates_sent']:,.0f} updates were done beside queries")
        self.rows.append((f"query p99, {PACE:,} queries/s, no updates", {server.title: f"{statistics.median(quiet):,.0f} µs"}))
        self.rows.append((f"…with {rate / 2:,.0f} updates/s beside", {server.title: f"{statistics.median(loaded):,.0f} µs"}))

    def memory(self, server):
        """Resident memory and the database's size as updates go on."""
        self.updates(server, IN_FLIGHT)
        row, done = [], 0
        for _ in range(5):
            goal = int(MILLIONS * 1e6 / 5)
            done += self.updates(server, IN_FLIGHT, "-n", goal, "-t", 3600)["rcode0"]
            row.append(f"{server.memory() / 1e6:.0f} MB after {done:,.0f}, database {os.path.getsize(server.db) / 1e6:.0f} MB")
        self.tools.note(f"{server.title} over updates of the same names: {'; '.join(row)}")


def measure(tools, rounds, classes):
    """Rows for the table."""
    bench = Bench(tools, rounds)
    data = datasets.hosts(os.path.join(tools.WORK, "updated"), HOSTS)
    running = bench.start(classes, "updated", data)
    bench.measure(f"{HOSTS:,} hosts", running, 1)
    rates = bench.measure(f"{HOSTS:,} hosts", running, IN_FLIGHT)
    own = [server for server in running if isinstance(server, servers.Roost)]
    for server in own:
        tools.attempt(server, running, lambda s=server: bench.latency(s, rates[s.title]))
        if MILLIONS:
            tools.attempt(server, running, lambda s=server: bench.memory(s))
    tools.end_all()

    homes = datasets.homes(os.path.join(tools.WORK, "updated-homes"), HOMES)
    bench.measure(f"{HOMES:,} home zones", bench.start(classes, "updated-homes", homes), IN_FLIGHT)
    tools.end_all()
    for hosts in (SMALL, LARGE):
        data = datasets.hosts(os.path.join(tools.WORK, f"updated-{hosts}"), hosts)
        bench.measure(f"{hosts:,} hosts", bench.start([type(server) for server in own], f"updated-{hosts}", data), IN_FLIGHT)
        tools.end_all()
    return bench.rows
