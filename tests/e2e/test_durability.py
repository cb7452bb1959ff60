"""Durability is a promise: what was acknowledged is there after kill -9, and what is there is whole."""
import os
import random
import socket
import sqlite3
import threading
import time

import dns.exception
import dns.message
import dns.rcode
import dns.update
import roost

ROUNDS = int(os.environ.get("ROOST_KILL_ROUNDS", 40 if roost.SANITIZED else 200))
BASE_TTL = 60


class Updater(threading.Thread):
    """Sends signed updates, each adding one name and one record to a shared name, until the server goes away."""

    def __init__(self, home, number, acked, sent):
        super().__init__()
        self.home, self.number, self.acked, self.sent = home, number, acked, sent
        self.stop = False

    def run(self):
        count = 0
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.connect(("127.0.0.1", self.home.server.port))
            sock.settimeout(0.5)
            while not self.stop:
                label = f"u{self.number}-{count}"
                count += 1
                update = dns.update.UpdateMessage(self.home.zone, keyring=self.home.key.dnspython())
                update.add(label, BASE_TTL, "A", "192.0.2.1")
                update.add(label, BASE_TTL, "TXT", label)
                self.sent.add(label)
                try:
                    sock.send(update.to_wire())
                    answer = dns.message.from_wire(sock.recv(4096), keyring=self.home.key.dnspython(), request_mac=update.mac)
                except (OSError, dns.exception.DNSException):
                    return
                if answer.rcode() == dns.rcode.NOERROR and answer.id == update.id:
                    self.acked.add(label)


def test_kill_nine_loses_no_acknowledged_update():
    """In every round: four clients stream updates, the server is killed in the middle, started again, and looked at."""
    home = roost.Home()
    chance = random.Random(1)
    acked, sent = set(), set()
    last_serial = home.serial()
    for round_number in range(ROUNDS):
        updaters = [Updater(home, f"{round_number}-{i}", acked, sent) for i in range(4)]
        for updater in updaters:
            updater.start()
        time.sleep(chance.uniform(0.0, 0.08))
        home.server.kill()
        for updater in updaters:
            updater.stop = True
            updater.join()
        home.server.start()
        serial = home.serial()
        assert serial >= last_serial, f"round {round_number}: the serial went back from {last_serial} to {serial}"
        last_serial = serial
        mine = [label for label in acked if label.startswith(f"u{round_number}-")]
        for label in mine:
            assert roost.values(home.server, f"{label}.home.example") == ["192.0.2.1"], f"round {round_number}: {label} lost"
    assert len(acked) > ROUNDS, "the rounds were too short to acknowledge anything"
    content = roost.axfr(home.server, home.zone, home.key)
    names = {}
    for owner, _, rdtype, _ in content:
        names.setdefault(owner.split(".")[0], set()).add(rdtype)
    updated = {name: types for name, types in names.items() if name.startswith("u")}
    assert acked <= set(updated), "acknowledged updates are missing at the end"
    assert set(updated) <= sent
    assert all(types == {"A", "TXT"} for types in updated.values()), "half an update is there"
    home.server.stop()
    with sqlite3.connect(home.db) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    db.close()


def test_the_journal_joins_up_after_crashes():
    """An IXFR from every serial that was ever acknowledged gives exactly the zone."""
    home = roost.Home()
    home.update(*[f"update add host{i}.home.example 60 A 192.0.2.{i}" for i in range(100)])  # or the whole zone is shorter
    serials = [home.serial()]
    contents = {serials[0]: roost.axfr(home.server, home.zone, home.key)}
    for i in range(6):
        home.move(f"203.0.113.{i + 1}")
        home.update(f"update add j{i}.home.example 60 A 192.0.2.{i}", f"update delete j{i - 2}.home.example")
        home.server.kill()
        home.server.start()
        serials.append(home.serial())
        contents[serials[-1]] = roost.axfr(home.server, home.zone, home.key)
    assert len(set(serials)) == 7
    for start in serials[:-1]:
        zone = {record for record in contents[start] if record[2] != "SOA"}
        adding = True
        records = roost.records(roost.transfer(home.server, home.zone, "IXFR", home.key, serial=start))
        assert [record[2] for record in records[:2]] == ["SOA", "SOA"], "not the form with differences"
        for record in records[1:-1]:
            if record[2] == "SOA":
                adding = not adding
                continue
            if adding:
                assert record not in zone, f"adds what is there: {record}"
                zone.add(record)
            else:
                zone.remove(record)
        assert zone == {record for record in contents[serials[-1]] if record[2] != "SOA"}


def test_a_second_server_does_not_start():
    home = roost.Home()
    second = roost.run([os.path.join(roost.BUILD, "roostd"), "-d", home.db, "-l", f"127.0.0.1@{roost.free_port()}"], status=1)
    assert "in use" in second.stderr and home.db in second.stderr
    assert home.serial()
