"""The wall clock is set forward and back while updates stream: serials never go back, TSIG follows at once, no timer waits."""
import json
import os
import socket
import struct
import sys

import pytest
import roost

sys.path.insert(0, os.path.join(roost.TOP, "tests", "fault"))
import faults  # noqa: E402
import wire  # noqa: E402

HOUR, YEAR = 3600, 365 * 86400
STEPS = (HOUR, -HOUR, -30 * YEAR, 20 * YEAR, 120, -120, 0)


@pytest.fixture(name="life")
def begin_life():
    life = faults.Life(os.path.join(roost.scratch, "life"), faults.Template(roost.scratch), 1)
    yield life
    set_clock(life, 0)
    life.end()


def set_clock(life, seconds):
    life.step = seconds * faults.NS_PER_S
    life.control.set(clock_step=life.step)


def stream(life, count=20):
    updates = life.stream(lambda sent: sent < count, 8)
    assert all(update.rcode == wire.NOERROR for update in updates)
    life.check(updates, False)


def test_updates_go_on(life):
    """For zones of each serial policy. Life.check also asks for the journal, transfers and NOTIFY."""
    for zone in faults.ZONES:
        roost.roostctl(life.db, "peer", "add", zone, f"127.0.0.1@{life.peer.getsockname()[1]}")
        life.zones[zone].peer = True
    for step in STEPS:
        set_clock(life, step)
        stream(life)


def test_a_start_by_another_clock(life):
    for step in (20 * YEAR, -20 * YEAR, 0):
        stream(life)
        set_clock(life, step)
        life.server.kill()
        life.start()
    stream(life)


def test_steps_between_messages(life):
    """Steps within TSIG's fudge, with updates in flight."""
    def more(sent):
        if sent % 5 == 0:
            set_clock(life, life.chance.randint(-wire.FUDGE // 3, wire.FUDGE // 3))
        return sent < 200

    updates = life.stream(more, 8)
    assert all(update.rcode == wire.NOERROR for update in updates)
    life.check(updates, False)


def test_a_wrong_clock_is_told_and_forgiven(life):
    """A client by the old clock gets BADTIME (RFC 8945 §5.2.3), and what comes by the new one is taken at once."""
    zone = life.zones[faults.ZONES[0]]
    question = wire.question(1, zone.name, wire.SOA)
    before = wire.signed(life.key, question, life.now())
    set_clock(life, HOUR)
    assert wire.rcode(life.ask(before)) == wire.NOTAUTH
    assert wire.rcode(life.ask(wire.signed(life.key, question, life.now()))) == wire.NOERROR
    set_clock(life, 0)
    assert wire.rcode(life.ask(wire.signed(life.key, question, life.now()))) == wire.NOERROR


def test_no_timer_notices(life):
    """A connection is not idle because the clock was set; the server has not been up for years, or less than nothing."""
    request = wire.question(7, faults.ZONES[0], wire.SOA)
    with socket.create_connection((life.server.address, life.server.port), timeout=roost.PATIENCE) as sock:
        for step in STEPS:
            set_clock(life, step)
            sock.sendall(struct.pack(">H", len(request)) + request)
            answer = wire.exactly(sock, struct.unpack(">H", wire.exactly(sock, 2))[0])
            assert wire.rcode(answer) == wire.NOERROR
            for what in ("status", "stats"):
                uptime = json.loads(life.server.ctl(what, "--json").stdout)["uptime"]
                assert 0 <= uptime < HOUR, f"{what} after a step of {step} s"


def test_history_keeps_its_order(life):
    """The log has versions in the order they were made, whatever time it was then; --since leaves out the old ones only."""
    zone = faults.ZONES[0]
    made = {}
    for step in (0, -30 * YEAR, 0, -HOUR, 0):
        set_clock(life, step)
        updates = life.stream(lambda sent: sent < 6, 1)
        life.check(updates, False)
        made[step] = made.get(step, 0) + sum(update.zone == zone for update in updates)
    log = json.loads(life.server.ctl("log", zone, "--json").stdout)
    serials = [version["serial"] for version in log]
    assert serials == sorted(serials, reverse=True) and len(serials) == sum(made.values()) + 1
    recent = json.loads(life.server.ctl("log", zone, "--json", "--since", "1w").stdout)
    assert len(recent) == made[0] + made[-HOUR] + 1
