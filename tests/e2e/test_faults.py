"""Faults of the disk and of the power while updates stream. A sample; `make faults` has ten times as many, tests/fault/run any number."""
import os
import select
import socket
import sys

import pytest
import roost

sys.path.insert(0, os.path.join(roost.TOP, "tests", "fault"))
import faults  # noqa: E402
import wire  # noqa: E402

ROUNDS = 8 if roost.SANITIZED else 25


@pytest.mark.parametrize("number", range(4))
def test_faults(number):
    life = faults.run_life(os.path.join(roost.scratch, "life"), faults.Template(roost.scratch), 1, number, ROUNDS)
    assert not life.broken, life.why
    assert len(life.fired) > ROUNDS // 2 and life.acknowledged > ROUNDS, f"too few faults: {life.fired}"


@pytest.mark.parametrize("op", ["read", "stat", "lock"])
def test_peers_and_keys_are_known_in_the_end(op):
    """What roostctl was told is done takes effect, also when the server cannot read it back at first."""
    life = faults.Life(os.path.join(roost.scratch, "life"), faults.Template(roost.scratch), 1)
    zone, done = faults.ZONES[0], 0
    for countdown in range(1, 16):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
            peer.bind(("127.0.0.1", 0))
            faults.Fault("I/O error", faults.ERROR, (op,), lasting=2, countdown=countdown).arm(life.control, 1)
            added = roost.roostctl(life.db, "peer", "add", zone, f"127.0.0.1@{peer.getsockname()[1]}", status=None)
            key = f"k{countdown}."
            if roost.roostctl(life.db, "key", "add", key, "--secret", life.key.secret, status=None).returncode == 0:
                life.keys.add(key)
            life.heal()
            if added.returncode == 0:
                done += 1
                assert select.select([peer], [], [], roost.PATIENCE)[0], f"{countdown}: the new peer was never told"
            life.check([], False)
    assert done > 5
    life.end()


def fill(ballast, blocks):
    """Leaves so many blocks of the disk, also if roostd takes some or gives some back meanwhile."""
    with open(ballast, "wb", buffering=0) as out:
        for _ in range(10):
            disk = os.statvfs(ballast)
            spare = (disk.f_bavail - blocks) * disk.f_bsize
            try:
                out.write(bytes(max(spare, 0)))
            except OSError:
                pass
            if spare < 0:
                out.seek(out.truncate(max(out.tell() + spare, 0)))


@pytest.mark.parametrize("after_start", [True, False])
def test_disk_filled_to_the_block(small_disk, after_start):
    """A disk with so many blocks left and no more, for a log that has to grow or one that has its space already; then there is room
    again. With a crash in between, every other time."""
    life = faults.Life(os.path.join(small_disk, "life"), faults.Template(roost.scratch), 1)
    ballast = os.path.join(small_disk, "ballast")
    refused = 0
    for blocks in (0, 1, 2, 3, 5, 8, 13, 21, 34, 55):
        if after_start:
            life.server.stop()  # the log is gone
            life.start()
            life.connect()
        fill(ballast, blocks)
        updates = life.stream(lambda sent: sent < 30, 4)
        refused += sum(update.rcode == wire.SERVFAIL for update in updates)
        for zone in life.zones.values():
            life.look(zone)
        if blocks % 2:
            life.server.kill()
            life.start()
        os.remove(ballast)
        life.check(updates + life.stream_healed(), bool(blocks % 2))
    assert refused > 30 or not after_start
    life.end()
