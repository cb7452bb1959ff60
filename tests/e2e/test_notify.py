"""NOTIFY to secondaries that are silent, gone, or many: what each of them may hold up, and what is said about it."""
import json
import socket
import sqlite3
import time

import dns.message
import roost

DEAD = 600  # more than what may be under way at a time
GRACE = 2 if roost.SANITIZED else 1


class Secondary:
    """A socket that NOTIFYs come to; it answers when told to."""

    def __init__(self):
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.bind(("127.0.0.1", 0))
        self.address = f"127.0.0.1@{self.sock.getsockname()[1]}"

    def receive(self, seconds=roost.PATIENCE):
        """The serial told, after so many seconds at most."""
        self.sock.settimeout(seconds)
        wire, self.source = self.sock.recvfrom(4096)
        self.last = wire
        return dns.message.from_wire(wire).answer[0][0].serial

    def answer(self):
        self.sock.sendto(self.last[:2] + bytes([self.last[2] | 0x80]) + self.last[3:], self.source)

    def close(self):
        self.sock.close()


def peer_state(home, address):
    peers = json.loads(home.server.ctl("status", "--json").stdout)["peers"]
    return next(peer for peer in peers if peer["address"] == address)


def test_a_failure_is_told_each_time():
    home = roost.Home("--notify-retry", "20ms", "--notify-tries", "2")
    secondary = Secondary()
    home.server.ctl("peer", "add", home.zone, secondary.address)
    for count in range(1, 4):
        roost.wait_until(lambda: home.server.text().count("failed: no answer") == count, what=f"failure {count} in the log")
        state = peer_state(home, secondary.address)
        assert (state["error"], state["told"]) == ("no answer", None)
        home.move(f"192.0.2.{100 + count}")
    secondary.close()


def test_a_change_does_not_wait_for_a_doubled_interval():
    """Sent at 0, 0.5, 1.5 and 3.5 s without an answer, the next would be due at 7.5 s."""
    home = roost.Home("--notify-retry", "500ms")
    secondary = Secondary()
    home.server.ctl("peer", "add", home.zone, secondary.address)
    for _ in range(4):
        assert secondary.receive() == 1
    home.move("192.0.2.77")
    begun = time.monotonic()
    assert secondary.receive() == 2
    assert time.monotonic() - begun < GRACE
    secondary.answer()
    roost.wait_until(lambda: peer_state(home, secondary.address)["told"] == 2, what="the answer in the status")
    secondary.close()


def test_dead_secondaries_hold_up_nobody(tmp_path):
    """At start, the secondaries of one zone are all dead, and more than can be told at a time; another zone changes."""
    home = roost.Home("--notify-retry", "10s", start=False)
    path = tmp_path / "dead.zone"
    path.write_text("$TTL 60\n@ SOA ns hostmaster 1 60 60 60 60\n@ NS ns\nns A 192.0.2.1\n")
    roost.roostctl(home.db, "zone", "import", "dead.example", path)
    silent, live = Secondary(), Secondary()
    roost.roostctl(home.db, "peer", "add", "dead.example", silent.address)
    roost.roostctl(home.db, "peer", "add", home.zone, live.address)
    with sqlite3.connect(home.db) as db:
        zone, = db.execute("SELECT zone FROM peer WHERE address = ?", [silent.address]).fetchone()
        live_zone, = db.execute("DELETE FROM peer WHERE address = ? RETURNING zone", [live.address]).fetchone()
        port = silent.sock.getsockname()[1]
        db.executemany("INSERT INTO peer (zone, address) VALUES (?, ?)",
                       [(zone, f"127.0.{i // 250 + 1}.{i % 250 + 1}@{port}") for i in range(DEAD)])
        db.execute("INSERT INTO peer (zone, address) VALUES (?, ?)", [live_zone, live.address])
    db.close()
    home.server.start()
    home.move("192.0.2.77")
    assert live.receive(GRACE) == 2
    live.answer()
    roost.wait_until(lambda: peer_state(home, live.address)["told"] == 2, what="the answer in the status")
    silent.close()
    live.close()
