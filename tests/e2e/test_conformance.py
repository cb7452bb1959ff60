"""The cases of tests/conformance against Roost, BIND and Knot: what an UPDATE gets by the text of the RFCs.

Where BIND or Knot do something else than Roost the case says so, what and why: a difference that is not written down, or one that
is gone, fails. `python3 tests/e2e/test_conformance.py` prints the list of the differences.
"""
import concurrent.futures
import os
import sys
import tempfile

import dns.exception
import peers
import pytest
import roost

sys.path.insert(0, os.path.join(roost.TOP, "tests", "conformance"))
import conformance  # noqa: E402

CASES_AT_LEAST = 250  # in all
NO_ANSWER = 0.5  # seconds for one that is known to give none
AT_ONCE = 4  # runs of roostctl, so that their commits share
FILES = conformance.files()


# ---- The servers ----

def masters(cases, server):
    """Zone name -> path of its master file, of the cases that this server can load."""
    directory = tempfile.mkdtemp(prefix="zones-", dir=roost.scratch)
    paths = {}
    for case in cases:
        if case.expect(server).special != "skip":
            paths[case.zone.to_text()] = os.path.join(directory, case.zone.to_text() + "zone")
            with open(paths[case.zone.to_text()], "w", encoding="utf-8") as out:
                out.write(conformance.master_file(case))
    return paths


def start_roost(cases, zones):
    users = {"conf"} | {key for case in cases for key in case.words("key")} - {"stranger"}
    db = os.path.join(tempfile.mkdtemp(prefix="roost-", dir=roost.scratch), "roost.db")
    roost.roostctl(db, "init")
    for key in conformance.KEYS.values():
        roost.roostctl(db, "key", "add", key.name, "--algorithm", key.algorithm, "--secret", key.secret)
    server = roost.Roostd(db)

    def load(item):
        name, path = item
        server.ctl("zone", "import", name, path)
        server.ctl("grant", "add", name, "transfer", "--key", "conf")
        for key in users:
            server.ctl("grant", "add", name, "update", "--key", key)
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(load, zones.items()))
    return server


class Bind(peers.BindPrimary):
    def configure(self):
        keys = "".join(key.text() for key in conformance.KEYS.values())
        allowed = " ".join(f'key "{name}";' for name in conformance.GRANTED)
        rights = f"type primary; allow-update {{ {allowed} }}; allow-transfer {{ any; }};"
        unlimited = "max-records-per-type 0;\nmax-types-per-name 0;\nrecursion no;"
        return keys + super().configure().replace("type primary;", rights).replace("recursion no;", unlimited)


class Knot(peers.KnotPrimary):
    def configure(self):
        keys = "".join(f"  - id: {key.name}\n    algorithm: {key.algorithm}\n    secret: {key.secret}\n"
                       for key in conformance.KEYS.values())
        acl = f"acl:\n  - id: granted\n    key: [{', '.join(conformance.GRANTED)}]\n    action: [update, transfer]\n"
        return f"key:\n{keys}{acl}" + super().configure().replace("semantic-checks: soft", "semantic-checks: soft\n    acl: granted")


START = {"roost": start_roost, "bind": lambda _, zones: Bind(zones), "knot": lambda _, zones: Knot(zones)}


# ---- The tests ----

def revive(running):
    """Starts it again if the last message was its end."""
    try:
        roost.wait_until(running.answers)
    except AssertionError:
        running.kill()
        running.start()


def outcome(case, server, running):
    """What is not as the case says, as text, or None."""
    expected = case.expect(server)
    if expected.special == "skip":
        return None
    broken = expected.special == "broken"
    try:
        result = conformance.run(case, running, NO_ANSWER if broken else roost.PATIENCE)
        wrong = result.difference(conformance.wanted(case, server), case.zone) + ["not broken"] * broken
    except (OSError, dns.exception.DNSException) as lost:
        wrong = [] if broken else [f"no answer: {lost!r}"]
        revive(running)
    return "\n  ".join([str(case), *wrong]) if wrong else None


@pytest.mark.parametrize("server", START)
@pytest.mark.parametrize("path", FILES, ids=[os.path.basename(path)[:-len(".cases")] for path in FILES])
def test_cases(path, server):
    cases = conformance.read(path)
    running = START[server](cases, masters(cases, server))
    wrong = list(filter(None, (outcome(case, server, running) for case in cases)))
    assert not wrong, f"{len(wrong)} of {len(cases)} cases:\n" + "\n".join(wrong)


def test_every_difference_has_its_reason():
    cases = [case for path in FILES for case in conformance.read(path)]
    assert len(cases) >= CASES_AT_LEAST
    unexplained = [str(case) for case in cases if len(case.expected) > 1 and not case.why]
    assert not unexplained, unexplained


# ---- The list ----

def told(expected):
    """An outcome in one line."""
    if expected.special:
        return expected.special
    parts = [expected.rcode, expected.error and f"TSIG {expected.error}", expected.flaw,
             f"{len(expected.plus)} more" if expected.plus else "", f"{len(expected.minus)} less" if expected.minus else "",
             f"serial {expected.serial}" if expected.serial is not None else ""]
    return ", ".join(filter(None, parts))


def print_differences():
    for path in FILES:
        for case in conformance.read(path):
            if len(case.expected) > 1:
                print(case, *(f"  {server}: {told(expected)}" for server, expected in case.expected.items()), f"  why: {case.why}",
                      sep="\n")


if __name__ == "__main__":
    print_differences()
