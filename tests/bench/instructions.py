"""What a query costs roostd in instructions, counted by valgrind's callgrind, and how many of them are atomic.

The server runs twice under callgrind and answers few and then many questions; the difference, divided by that of the questions,
is the cost of one: starting, loading and stopping drop out. Libraries count, the kernel does not.

Atomic are instructions with a lock prefix and exchanges with memory: what two workers could only share a written cache line by on
purpose. What each worker writes for a query (struct worker, its udp, ahead, ratelimit and stats) lies on cache lines of its own,
so where none is executed, none is shared by accident either.
"""
import os
import re
import subprocess

import datasets
import servers

FEW, MANY = 2000, 22000  # questions
HOSTS = 10000
ATOMIC = re.compile(r"^\s*([0-9a-f]+):\s+(?:lock\b|(?:bnd )?xchg\s.*\()", re.M)


class Counted(servers.Roost):
    """roostd under callgrind; its counts are there when it was stopped."""

    def __init__(self, directory, core, data):
        super().__init__(directory, core, data)
        self.counts = os.path.join(directory, "callgrind.out")

    def argv(self):
        return ["valgrind", "-q", "--tool=callgrind", "--dump-instr=yes", "--compress-strings=no", "--compress-pos=no",
                f"--callgrind-out-file={self.counts}", *super().argv()]


def executed(path):
    """(object, address, function) -> instructions executed there, not counting what is called."""
    counts, where, fn, skip = {}, "", "", False
    with open(path, encoding="utf-8", errors="replace") as lines:
        for line in lines:
            if line.startswith("0x"):
                if not skip:
                    address, _, count = line.split()[:3]
                    at = (where, int(address, 16), fn)
                    counts[at] = counts.get(at, 0) + int(count)
                skip = False
            elif line.startswith("ob="):
                where = line[3:].strip()
            elif line.startswith("fn="):
                fn = line[3:].strip()
            elif line.startswith("calls="):
                skip = True  # the next line is the cost of the whole call
    return counts


def atomics(path):
    """Addresses of the atomic instructions in an object."""
    if not os.path.exists(path):
        return set()
    done = subprocess.run(["objdump", "-d", "--no-show-raw-insn", path], stdout=subprocess.PIPE, text=True, check=True)
    return {int(address, 16) for address in ATOMIC.findall(done.stdout)}


def ask(work, load, core, data, what, number):
    """What the server executed to answer so many questions."""
    server = Counted(os.path.join(work, f"counted-{data.edns}-{what}-{number}"), core, data)
    server.start()
    subprocess.run([load, "-s", f"{server.address}@{server.port}", "-f", data.questions[what], "-e", data.edns, "-n", str(number),
                    "-t", "60"], stdout=subprocess.DEVNULL, check=True)
    server.stop()
    return executed(server.counts)


def cost(work, load, core, data, what):
    """(instructions a query, atomic ones a query, {function: those a query})."""
    few, many = (ask(work, load, core, data, what, number) for number in (FEW, MANY))
    per_query = {at: (count - few.get(at, 0)) / (MANY - FEW) for at, count in many.items()}
    locked = {path: atomics(path) for path in {at[0] for at in per_query}}
    by_function = {}
    for (path, address, fn), count in per_query.items():
        if address in locked[path] and count > 1e-4:
            by_function[fn] = by_function.get(fn, 0) + count
    return sum(per_query.values()), sum(by_function.values()), by_function


def report(work, load, core, say):
    """Lines for the report."""
    hosts = datasets.hosts(os.path.join(work, "inside-hosts"), HOSTS)
    signed = datasets.signed(os.path.join(work, "inside-signed"), HOSTS)
    lines, functions = [], {}
    for label, data, what in (("hit", hosts, "hits"), ("NXDOMAIN", hosts, "misses"), ("signed hit", signed, "hits"),
                              ("signed NXDOMAIN", signed, "misses")):
        say(f"instructions, {label}")
        total, atomic, by_function = cost(work, load, core, data, what)
        functions |= by_function
        lines.append(f"Roost, {label}: {total:,.0f} instructions a query in user mode, {atomic:.3f} of them atomic.")
    lines.append("Atomic instructions, once a batch of datagrams each, were in: " + (", ".join(sorted(functions)) or "none") + ".")
    return lines
