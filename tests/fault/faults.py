"""Faults of the disk, the power and the clock while updates stream into a real roostd, and the proof afterwards.

A `Life` is a database and the roostd on it, with shim.c between SQLite and the kernel. Each of its rounds streams signed updates
into three zones, now and then changes things by roostctl, lets one fault happen, and then checks all that was promised:

- every acknowledged update is there, whole; what was answered SERVFAIL is not, unless the server died meanwhile; what was not
  answered is there whole or not at all; nothing else changed;
- PRAGMA integrity_check and foreign_key_check find nothing;
- the serial never goes back, also not behind what anybody was told;
- the journal leads from the last round's zone to this one's, and IXFR from serials kept gives the zone that AXFR gives, which
  is what the database has: memory, disk and secondaries agree;
- a server that was not killed answered everything, queries too, and takes updates again at once when the fault is over.
"""
import collections
import dataclasses
import mmap
import os
import random
import select
import shutil
import signal
import socket
import sqlite3
import struct
import subprocess
import time

import roost
import sanitizers
import wire

SHIM = os.path.join(roost.BUILD, "fault", "shim.so")
OPS = ("open", "read", "write", "sync", "truncate", "lock", "stat", "map", "unlink", "access")
FILES = ("db", "wal", "shm")
LOST = "failed sync, pages lost"
KILL, POWER, ERROR, SHORT = 1, 2, 3, 4
BEFORE, AFTER, MIDDLE = 0, 1, 2
LOSE_NOTHING, LOSE_ON_DISK, LOSE_EVERYWHERE = 0, 1, 2
EIO, ENOSPC, ENOLCK, EMFILE = 5, 28, 37, 24
FOR_EVER = 1 << 62
NS_PER_S = 10 ** 9

ZONES = ("inc.example.", "unix.example.", "dated.example.")  # by serial policy; updates go to these
IMPORTED = "import.example."  # replaced whole now and then
COMING = "coming.example."  # imported when it is not there, else removed
TTL = 60
HOSTS = 80  # of each zone at first: fewer, and differences would soon be longer than the zone
MARKED = 30  # hosts of IMPORTED that every import changes
ANSWER_SECONDS = 20 * (4 if roost.SANITIZED else 1)
UPDATES_MAX = 400  # a round in which nothing has called for the fault by then ends without one
REMOVES_MAX = 4  # names in one update
KEPT = 40  # old versions of each zone, to ask for differences from


class Control:
    """The page that shim.c's struct control lies in."""
    FIELDS = ("countdown", "action", "when", "error", "lasting", "ops", "files", "lose", "seed", "fired", "fired_op",
              "fired_file", "clock_step")
    CALLS_AT = 8 * len(FIELDS)
    SIZE = CALLS_AT + 8 * len(FILES) * len(OPS)

    def __init__(self, path):
        self.path = path
        with open(path, "w+b") as out:
            out.truncate(self.SIZE)
            self.memory = mmap.mmap(out.fileno(), self.SIZE)

    def get(self, field):
        return struct.unpack_from("q", self.memory, 8 * self.FIELDS.index(field))[0]

    def set(self, **values):
        for field, value in values.items():
            struct.pack_into("q", self.memory, 8 * self.FIELDS.index(field), value)

    def calls(self, file, op):
        return struct.unpack_from("q", self.memory, self.CALLS_AT + 8 * (len(OPS) * FILES.index(file) + OPS.index(op)))[0]


@dataclasses.dataclass
class Fault:
    """What happens, to the `countdown`-th of those calls. `moment`: armed before the start, in the middle of updates, or for the
    stop. `sort`: its name in reports."""
    sort: str
    action: int
    ops: tuple = OPS
    files: tuple = FILES
    when: int = BEFORE
    error: int = EIO
    lasting: int = 1
    lose: int = LOSE_NOTHING
    countdown: int = 1
    moment: str = "stream"

    def deadly(self):
        return self.action in (KILL, POWER)

    def arm(self, control, seed):
        control.set(countdown=0, fired=0)
        control.set(action=self.action, when=self.when, error=self.error, lasting=self.lasting, lose=self.lose, seed=seed,
                    ops=sum(1 << OPS.index(op) for op in self.ops), files=sum(1 << FILES.index(file) for file in self.files))
        control.set(countdown=self.countdown)


def random_fault(chance):
    """One of the faults that can happen, each sort about as often as the others, at any call."""
    moment = chance.choices(("stream", "start", "stop"), (8, 1, 1))[0]
    # How many such calls a round makes, about: some as they come, some in one commit, some when the log is moved.
    far = chance.choice((8, 60, 400)) if moment == "stream" else 60
    few = 6 if moment == "stream" else 2
    # Locks on a local file system fail for want of the kernel's memory at worst, and SQLite tries for 10 s.
    unlocked = tuple(op for op in OPS if op != "lock")
    common = {"moment": moment, "countdown": chance.randint(1, far)}
    when = chance.choice((BEFORE, AFTER, MIDDLE))
    lasting = chance.choice((1, 2, 5, FOR_EVER))
    writes = {"ops": ("write",), "files": chance.choice((("db",), ("wal",), ("db", "wal")))}
    syncs = {"ops": ("sync",), "files": chance.choice((("db",), ("wal",), ("db", "wal"))), "countdown": chance.randint(1, few)}
    calls = chance.choice(({}, {}, writes, syncs))
    partly = chance.choice((BEFORE, MIDDLE))
    return chance.choice((
        lambda: Fault("kill", KILL, when=when, **{**common, **calls}),
        lambda: Fault("power loss", POWER, when=when, **{**common, **calls}),
        lambda: Fault("power loss at a sync", POWER, when=when, **{**common, **syncs}),
        lambda: Fault("I/O error", ERROR, when=partly, lasting=lasting, **{**common, "ops": unlocked, **calls}),
        lambda: Fault("disk full", ERROR, error=ENOSPC, when=partly, lasting=lasting, **{**common, **writes}),
        lambda: Fault("failed sync", ERROR, lasting=lasting, **{**common, **syncs}),
        lambda: Fault(LOST, ERROR, lasting=lasting, lose=LOSE_ON_DISK,
                      **{**common, **syncs, "files": chance.choice((("db",), ("db",), ("wal",))), "countdown": chance.randint(1, 2)}),
        lambda: Fault("failed sync, pages gone", ERROR, lasting=lasting, lose=LOSE_EVERYWHERE, **{**common, **syncs, "files": ("wal",)}),
        lambda: Fault("no descriptors", ERROR, error=EMFILE, lasting=lasting,
                      **{**common, "ops": ("open", "map"), "moment": "start", "countdown": chance.randint(1, 6)}),
        lambda: Fault("no locks", ERROR, error=ENOLCK, lasting=chance.randint(1, 3), **{**common, "ops": ("lock",)}),
        lambda: Fault("short write", SHORT, **{**common, "ops": ("write",)}),
    ))()


# The calls that SQLite makes at a start, while updates stream, and at a stop.
CALLS = {
    "start": (("db", "open"), ("db", "read"), ("db", "stat"), ("db", "lock"), ("wal", "open"), ("wal", "stat"), ("wal", "read"),
              ("shm", "open"), ("shm", "stat"), ("shm", "truncate"), ("shm", "write"), ("shm", "map"), ("shm", "lock")),
    "stream": (("db", "read"), ("db", "stat"), ("db", "write"), ("db", "truncate"), ("db", "sync"), ("wal", "read"),
               ("wal", "write"), ("wal", "sync"), ("shm", "lock")),
    "stop": (("db", "write"), ("db", "sync"), ("wal", "read"), ("wal", "sync"), ("wal", "unlink"), ("shm", "unlink")),
}
EVERY_CALL = [(action, moment, *call) for action in (KILL, POWER, ERROR) for moment, calls in CALLS.items() for call in calls]


def fault_of_every_call(number, chance):
    action, moment, file, op = EVERY_CALL[number % len(EVERY_CALL)]
    sort = {KILL: "kill", POWER: "power loss", ERROR: "I/O error"}[action]
    return Fault(sort, action, (op,), (file,), when=chance.choice((BEFORE, AFTER, MIDDLE)), countdown=chance.randint(1, 2), moment=moment)


def plan(chance, count, life):
    """So many faults for the life of that number; every fourth is the next of EVERY_CALL."""
    previous = None
    for number in range(count):
        if previous and previous.sort == LOST and chance.random() < 0.8:  # what it lost shows only when the power goes
            previous = Fault("power loss", POWER, ("write",), ("wal",), countdown=chance.randint(1, 60))
        elif number % 4 == 3:
            previous = fault_of_every_call((life * count + number) // 4, chance)
        else:
            previous = random_fault(chance)
        yield previous


@dataclasses.dataclass
class Update:
    """One message. It adds names and takes others away: all of that, or nothing."""
    zone: str
    adds: dict  # owner -> set of records
    removes: list  # owners
    rcode: int = None  # of the answer


class Zone:
    def __init__(self, name):
        self.name = name
        self.serial = None
        self.seen = 0  # the highest serial that anybody was told
        self.content = set()  # after the last round
        self.kept = {}  # serial -> content
        self.removable = []  # owners
        self.peer = False  # whether ours is to be told of changes
        self.told = None  # the serial of the last NOTIFY


class Server(roost.Roostd):
    """roostd under the shim."""

    def __init__(self, db, control):
        super().__init__(db, workers=2, start=False)
        self.log = os.path.join(roost.scratch, f"roostd-{self.port}.log")  # not on the database's disk
        self.control = control

    def start(self, must=True):
        """False: it ended before it answered."""
        env = {**sanitizers.environment(), "LD_PRELOAD": SHIM, "FAULT_DATABASE": self.db, "FAULT_CONTROL": self.control.path}
        env["ASAN_OPTIONS"] = env["ASAN_OPTIONS"] + ":verify_asan_link_order=0"
        with open(self.log, "ab") as log:
            self.popen = subprocess.Popen(self.argv(), stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=env,
                                          start_new_session=True)
        roost.processes.append(self)
        end = time.monotonic() + roost.PATIENCE
        while not self.ready():
            if self.popen.poll() is not None:
                assert not must, f"roostd ended with {self.popen.returncode} at its start:\n{self.tail(10)}"
                return False
            assert time.monotonic() < end, f"roostd does not answer:\n{self.tail(10)}"
            time.sleep(0.002)
        return True

    def ready(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.connect((self.address, self.port))
            sock.settimeout(0.5)
            try:
                sock.send(wire.question(1, ".", wire.SOA))
                return bool(sock.recv(512))
            except OSError:
                return False

    def gone(self, seconds=roost.PATIENCE):
        """Waits for its end; the exit status."""
        status = self.popen.wait(seconds)
        roost.processes.remove(self)
        self.popen = None
        self.check_log()
        return status


class Template:
    """A database with the zones and the key, made once and copied for each life."""

    def __init__(self, directory):
        self.db = os.path.join(directory, "template.db")
        self.key = roost.Key.parse(roost.roostctl(self.db, "init", "start.example").stdout)
        for zone in (*ZONES, IMPORTED):
            path = os.path.join(directory, zone + "zone")
            with open(path, "w", encoding="ascii") as out:
                out.write(zone_file(zone, 1))
            roost.roostctl(self.db, "zone", "import", zone, path)
            roost.roostctl(self.db, "grant", "add", zone, "update", "--key", self.key.name)
            roost.roostctl(self.db, "grant", "add", zone, "transfer", "--from", "127.0.0.0/8")
        with sqlite3.connect(self.db) as db:
            for policy, zone in zip(("increment", "unixtime", "dated"), ZONES):
                db.execute("UPDATE zone SET policy = ? WHERE name = ?", (policy, zone))
        db.close()


def zone_file(zone, mark):
    """A master file in which some addresses tell the mark: so many that half of a change shows, so few that the journal can hold
    the difference (commit_replace.c)."""
    lines = [f"$ORIGIN {zone}", f"$TTL {TTL}", f"@ SOA ns1 hostmaster {mark} 3600 600 86400 60", "@ NS ns1", "ns1 A 127.0.0.1"]
    lines += [f"mark{i} A 10.{i}.{mark >> 8 & 255}.{mark & 255}" for i in range(MARKED)]
    lines += [f"host{i} A 10.1.1.{i}" for i in range(HOSTS)]
    return "\n".join(lines) + "\n"


def unpack(piece):
    """Records of the journal as zonestore_journal.c packs them: (added, record)."""
    at, owner = 0, None
    while at < len(piece):
        flags = piece[at]
        at += 1
        if not flags & 2:
            owner, at = wire.read_name(piece, at)
        rdtype, ttl, length = struct.unpack_from(">HIH", piece, at)
        yield bool(flags & 1), (wire.text(owner), rdtype, ttl, piece[at + 8:at + 8 + length])
        at += 8 + length


class Life:
    def __init__(self, directory, template, seed):
        self.chance = random.Random(seed)
        os.mkdir(directory)
        self.directory = directory
        self.db = os.path.join(directory, "roost.db")
        shutil.copy(template.db, self.db)
        self.key = template.key
        self.control = Control(os.path.join(roost.scratch, f"control-{os.path.basename(directory)}"))
        self.server = Server(self.db, self.control)
        self.zones = {zone: Zone(zone) for zone in (*ZONES, IMPORTED)}
        self.count = 0  # of labels
        self.id = 0
        self.marks = [1]  # that the imported zone may have
        self.keys, self.keys_maybe = set(), set()
        self.coming = False  # whether COMING is there
        self.peer = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.peer.bind(("127.0.0.1", 0))
        self.step = 0  # ns that the wall clock is ahead
        self.acknowledged = self.refused = 0
        self.start()
        for zone in self.zones.values():
            zone.content = self.rows(zone)[0]
            zone.serial = zone.seen = self.serial(zone)
            zone.kept[zone.serial] = zone.content

    # ---- the server ----

    def start(self):
        self.control.set(countdown=0, lasting=0)
        self.server.start()
        self.connect()

    def now(self):
        """Seconds since 1970 by the server's clock."""
        return (time.time_ns() + self.step) // NS_PER_S

    def connect(self):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.connect((self.server.address, self.server.port))

    def ask(self, request):
        """The answer; a server that has died gives None."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.connect((self.server.address, self.server.port))
            end = time.monotonic() + ANSWER_SECONDS
            try:
                sock.send(request)
                while not select.select([sock], [], [], 0.01)[0]:
                    if not self.server.running():
                        return None
                    assert time.monotonic() < end, "a query was not answered"
                return sock.recv(512)
            except ConnectionError:
                return None

    def serial(self, zone):
        """Asks for it; a server that has died gives None."""
        answer = self.ask(wire.question(1, zone.name, wire.SOA))
        if answer is None:
            return None
        assert wire.rcode(answer) == wire.NOERROR, f"{zone.name} is answered with {wire.rcode(answer)}"
        return wire.soa_serial(next(wire.answers(answer))[3])

    # ---- updates ----

    def new_update(self):
        zone = self.zones[self.chance.choice(ZONES)]
        adds = {}
        for suffix in ("a", "b"):
            owner = f"u{self.count}{suffix}.{zone.name}"
            adds[owner] = {(owner, wire.A, TTL, struct.pack(">I", 10 << 24 | self.count)),
                           (owner, wire.TXT, TTL, wire.txt(f"{self.count}" + "x" * self.chance.choice((0, 0, 200))))}
        self.count += 1
        removes = []
        while zone.removable and len(removes) < REMOVES_MAX and self.chance.random() < len(zone.removable) / HOSTS:
            removes.append(zone.removable.pop(self.chance.randrange(len(zone.removable))))
        return Update(zone.name, adds, removes)

    def send(self, update):
        """The message's ID."""
        self.id = self.id % 0xffff + 1
        records = [wire.rr(owner, rdtype, wire.IN, ttl, rdata)
                   for added in update.adds.values() for owner, rdtype, ttl, rdata in sorted(added)]
        records += [wire.rr(owner, wire.ANY, wire.ANY, 0) for owner in update.removes]
        self.socket.send(wire.signed(self.key, wire.update(self.id, update.zone, records), self.now()))
        return self.id

    def receive(self, waiting, seconds):
        """The answers that have come, after waiting so long for the first. False: there is no server any more."""
        end = time.monotonic() + seconds
        while True:
            alive = self.server.running()  # before the look: what it sent last is here then
            try:
                if select.select([self.socket], [], [], 0.01 if seconds else 0)[0]:
                    answer = self.socket.recv(4096)
                    update = waiting.pop(struct.unpack_from(">H", answer)[0])
                    update.rcode = wire.rcode(answer)
                    assert update.rcode in (wire.NOERROR, wire.SERVFAIL), f"an update was answered with RCODE {update.rcode}"
                    seconds = 0
                elif not alive or time.monotonic() >= end or not seconds:
                    return alive
            except ConnectionError:
                alive = False  # and there may be answers still

    def look(self, zone):
        serial = self.serial(zone)
        if serial is not None:
            assert serial >= zone.seen, f"{zone.name}: serial {zone.seen} went back to {serial}"
            zone.seen = serial

    def stream(self, more, window):
        """Updates with so many in flight as long as more(sent) says; all of them, in order. Ends early when the server does."""
        sent, waiting, alive = [], {}, True
        try:
            while alive and more(len(sent)):
                if len(waiting) < window:
                    sent.append(self.new_update())
                    waiting[self.send(sent[-1])] = sent[-1]
                    alive = self.receive(waiting, 0)
                else:
                    before = len(waiting)
                    alive = self.receive(waiting, ANSWER_SECONDS)
                    assert not alive or len(waiting) < before, "an update was not answered"
                if len(sent) % 16 == 0:
                    self.look(self.zones[self.chance.choice(ZONES)])
        except ConnectionError:
            alive = False
        while alive and waiting:
            before = len(waiting)
            alive = self.receive(waiting, ANSWER_SECONDS)
            assert not alive or len(waiting) < before, f"{before} updates were not answered"
        return sent

    # ---- roostctl ----

    def begin_admin(self):
        """Now and then a change by roostctl, beside the updates: (process, what its success means)."""
        what = self.chance.choice((None, self.import_zone, self.come_or_go, self.add_key, self.remove_key, self.add_peer))
        args, done = what() if what else (None, None)
        if not args:
            return None
        process = subprocess.Popen([os.path.join(roost.BUILD, "roostctl"), "-d", self.db, *args], stdin=subprocess.DEVNULL,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=sanitizers.environment())
        return process, done

    def import_zone(self):
        mark = max(self.marks) + 1
        self.marks.append(mark)
        path = os.path.join(self.directory, "import.zone")
        with open(path, "w", encoding="ascii") as out:
            out.write(zone_file(IMPORTED, mark))
        return ("zone", "import", IMPORTED, path), lambda: setattr(self, "marks", [m for m in self.marks if m >= mark])

    def come_or_go(self):
        if self.coming:
            args, after = ("zone", "remove", COMING), False
        else:
            path = os.path.join(self.directory, "coming.zone")
            with open(path, "w", encoding="ascii") as out:
                out.write(zone_file(COMING, 1))
            args, after = ("zone", "import", COMING, path), True
        self.coming = None  # nobody knows
        return args, lambda: setattr(self, "coming", after)

    def add_key(self):
        key = f"k{self.count}."
        self.count += 1
        self.keys_maybe.add(key)
        return ("key", "add", key, "--secret", self.key.secret), lambda: self.keys_maybe.discard(key) or self.keys.add(key)

    def remove_key(self):
        if not self.keys:
            return None, None
        key = self.keys.pop()
        self.keys_maybe.add(key)
        return ("key", "remove", key), lambda: self.keys_maybe.discard(key)

    def add_peer(self):
        zone = self.chance.choice([*self.zones.values()])
        peer = f"127.0.0.1@{self.peer.getsockname()[1]}"
        return (None if zone.peer else ("peer", "add", zone.name, peer)), lambda: setattr(zone, "peer", True)

    def end_admin(self, admin):
        if not admin:
            return
        process, done = admin
        _, said = process.communicate(timeout=4 * roost.PATIENCE)
        assert process.returncode in (0, 1), f"roostctl ended with {process.returncode}: {said.decode()}"
        if process.returncode == 0:
            done()

    # ---- the proof ----

    def rows(self, zone, since=0, db=None):
        """The zone's records, and its versions since that one, newest first: (full, from, to, SOA before, its TTL, SOA after, its TTL,
        changes)."""
        opened = db or sqlite3.connect(f"file:{self.db}?mode=ro", uri=True)
        number, = opened.execute("SELECT id FROM zone WHERE name = ?", (zone.name,)).fetchone()
        content = set()
        for name, rdtype, ttl, packed in opened.execute("SELECT name, type, ttl, rdata FROM rrset WHERE zone = ?", (number,)):
            at = 0
            while at < len(packed):
                length, = struct.unpack_from(">H", packed, at)
                content.add((name.lower(), rdtype, ttl, packed[at + 2:at + 2 + length]))
                at += 2 + length
        versions = []
        for row in opened.execute("SELECT id, \"full\", serial_from, serial_to, soa_from, soa_from_ttl, soa_to, soa_to_ttl, records "
                                  "FROM change WHERE zone = ? AND serial_to > ? ORDER BY id DESC", (number, since)):
            change, full, serial_from, serial_to, soa_from, ttl_from, soa_to, ttl_to, packed = row
            if soa_from is None and serial_from is not None:
                soa_from, ttl_from = soa_to[:-20] + struct.pack(">I", serial_from) + soa_to[-16:], ttl_to
            pieces = [packed] if packed is not None else [piece for piece, in opened.execute(
                "SELECT records FROM change_more WHERE change = ? ORDER BY seq", (change,))]
            changes = [one for piece in pieces for one in unpack(piece)]
            versions.append((full, serial_from, serial_to, soa_from, ttl_from, soa_to, ttl_to, changes))
        if not db:
            opened.close()
        return content, versions

    def check_update(self, update, content_owners, died):
        """Whether it was done; it must be the whole of it or nothing of it."""
        there = [owner in content_owners for owner in update.adds]
        gone = [owner not in content_owners for owner in update.removes]
        done = there[0]
        assert all(part == done for part in there + gone), f"half of an update is there: {update}"
        if update.rcode == wire.NOERROR:
            assert done, f"an acknowledged update is lost: {update}"
        if update.rcode == wire.SERVFAIL and not died:
            assert not done, f"an update that was answered SERVFAIL is there: {update}"
        return done

    def expect(self, zone, content, updates, died):
        """The zone must be exactly what the updates made of it."""
        owners = {record[0] for record in content}
        expected = {record for record in zone.content if record[1] != wire.SOA}
        done = 0
        for update in updates:
            if update.zone != zone.name:
                continue
            if not self.check_update(update, owners, died):
                zone.removable += update.removes
                continue
            done += 1
            expected = {record for record in expected if record[0] not in update.removes}.union(*update.adds.values())
            zone.removable += update.adds
        found = {record for record in content if record[1] != wire.SOA}
        assert found == expected, f"{zone.name}: lost {sorted(expected - found)}, unasked {sorted(found - expected)}"
        return done

    def expect_import(self, zone, content):
        marks = {rdata[2] << 8 | rdata[3] for owner, rdtype, _, rdata in content if rdtype == wire.A and owner.startswith("mark")}
        assert len(marks) == 1, f"half an import is there: {marks}"
        mark = marks.pop()
        assert mark in self.marks, f"the import {mark} is there, one of {self.marks} was expected"
        self.marks = [m for m in self.marks if m >= mark]
        return 0 if content == zone.content else 1

    @staticmethod
    def walk_back(zone, content, versions):
        """The journal undone, step by step, from the zone as it is to the last round's: it must fit at every step. The zone at
        every serial on the way."""
        states = {}
        for full, serial_from, serial_to, soa_from, ttl_from, soa_to, ttl_to, changes in versions:
            states[serial_to] = frozenset(content)
            assert not full, f"{zone.name}: version {serial_to} has no difference"
            soa = (zone.name, wire.SOA, ttl_to, soa_to)
            assert soa in content and wire.soa_serial(soa_to) == serial_to, f"{zone.name}: the SOA of version {serial_to} is not the zone's"
            assert serial_to > serial_from
            content = content - {soa} | {(zone.name, wire.SOA, ttl_from, soa_from)}
            for added, record in changes:
                assert (record in content) == added, f"{zone.name}: version {serial_to} does not fit: {record}"
                content = content - {record} if added else content | {record}
            assert serial_from in [wire.soa_serial(record[3]) for record in content if record[1] == wire.SOA]
        assert content == zone.content, f"{zone.name}: the journal does not lead to version {zone.serial}"
        return states

    def check_transfers(self, zone, content):
        """What a secondary gets is what the database has."""
        address = (self.server.address, self.server.port)
        self.id = self.id % 0xffff + 1
        sent = set(wire.transfer(address, wire.question(self.id, zone.name, wire.AXFR), ANSWER_SECONDS))
        assert sent == content, f"{zone.name}: AXFR and database differ: {sent ^ content}"
        older = [start for start in sorted(zone.kept) if zone.serial - start < 1 << 31]  # RFC 1982 §3.2
        for start in self.chance.sample(older, min(2, len(older))):
            records = wire.transfer(address, wire.ixfr(self.id, zone.name, start), ANSWER_SECONDS)
            assert wire.apply(zone.kept[start], records) == content, f"{zone.name}: IXFR from {start} gives another zone"

    def check_keys(self, stored):
        """The server knows the keys that the database has, and no others."""
        assert self.keys <= stored <= self.keys | self.keys_maybe | {self.key.name.rstrip(".") + "."}, "keys are lost or unasked"
        for name in self.keys | self.keys_maybe:
            question = wire.signed(roost.Key(name, self.key.secret), wire.question(1, IMPORTED, wire.SOA), self.now())
            roost.wait_until(lambda: (wire.rcode(self.ask(question)) != wire.NOTAUTH) == (name in stored),  # noqa: B023
                             what=f"key {name} known as it is stored ({name in stored})")
        self.keys |= stored & self.keys_maybe
        self.keys_maybe.clear()

    def check_coming(self, db):
        """A zone that was made or removed is so in memory and on disk, with all its records or none."""
        there = db.execute("SELECT count(*) FROM zone WHERE name = ?", (COMING,)).fetchone()[0] == 1
        assert self.coming in (there, None), f"{COMING} is {'' if there else 'not '}there"
        self.coming = there
        answer = self.ask(wire.question(1, COMING, wire.SOA))
        assert wire.rcode(answer) == (wire.NOERROR if there else wire.REFUSED), f"{COMING}, {there}: {wire.rcode(answer)}"
        if there:
            assert len(self.rows(Zone(COMING), 0, db)[0]) == 3 + MARKED + HOSTS

    def check_peer(self, zone):
        """Who asked to be told of changes has been."""
        while zone.peer and zone.told != zone.serial:
            assert select.select([self.peer], [], [], ANSWER_SECONDS)[0], f"no NOTIFY of {zone.name} {zone.serial}, {zone.told} was the last"
            message, source = self.peer.recvfrom(4096)
            soa = next(wire.answers(message))
            self.peer.sendto(wire.notify_answer(message), source)
            self.zones[soa[0]].told = wire.soa_serial(soa[3])

    def check(self, updates, died):
        db = sqlite3.connect(f"file:{self.db}?mode=ro", uri=True)
        db.execute("BEGIN")
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)], "the database is damaged"
        assert db.execute("PRAGMA foreign_key_check").fetchall() == []
        keys = {row[0] for row in db.execute("SELECT name FROM key")}
        self.check_keys(keys)
        self.check_coming(db)
        for zone in self.zones.values():
            content, versions = self.rows(zone, zone.serial, db)
            done = self.expect_import(zone, content) if zone.name == IMPORTED else self.expect(zone, content, updates, died)
            assert len(versions) >= done, f"{zone.name}: {done} updates, {len(versions)} versions"
            zone.kept.update(self.walk_back(zone, content, versions))
            zone.content = content
            zone.serial = versions[0][2] if versions else zone.serial
            assert zone.serial >= zone.seen, f"{zone.name}: serial {zone.seen} went back to {zone.serial}"
            assert zone.serial == self.serial(zone)
            self.check_transfers(zone, content)
            self.check_peer(zone)
            for old in self.chance.sample(sorted(zone.kept), max(0, len(zone.kept) - KEPT)):
                del zone.kept[old]
        db.close()
        self.acknowledged += sum(update.rcode == wire.NOERROR for update in updates)
        self.refused += sum(update.rcode == wire.SERVFAIL for update in updates)

    # ---- rounds ----

    def heal(self):
        self.control.set(lasting=0)
        self.control.set(countdown=0)

    def stream_healed(self):
        """The fault is over: updates that must be acknowledged."""
        assert self.server.running(), f"roostd ended by itself:\n{self.server.tail(20)}"
        updates = self.stream(lambda sent: sent < len(ZONES), 1)
        assert all(update.rcode == wire.NOERROR for update in updates), f"the fault is over, but not for roostd:\n{self.server.tail(10)}"
        return updates

    def stream_through(self, fault):
        """Updates until the fault has happened, and some more if the server lives."""
        extra = None

        def more(sent):
            nonlocal extra
            if extra is None and self.control.get("fired"):
                extra = sent + self.chance.randint(1, 20)
            return sent < UPDATES_MAX and (extra is None or sent < extra)

        fault.arm(self.control, self.chance.getrandbits(62))
        admin = self.begin_admin()
        updates = self.stream(more, self.chance.choice((1, 2, 8, 16)))
        self.end_admin(admin)
        return updates

    def round_stream(self, fault):
        updates = self.stream_through(fault)
        if fault.deadly() and self.control.get("fired"):
            status = self.server.gone()
            assert status == -signal.SIGKILL, f"roostd ended with {status}:\n{self.server.tail(10)}"
            self.start()
            return updates, True
        self.heal()
        return updates + self.stream_healed(), False

    def round_start(self, fault):
        """The server is killed, and the fault is there when it starts: it may say so and end, or go on."""
        updates = self.stream(lambda sent: sent < 10, 8)
        self.server.kill()
        fault.arm(self.control, self.chance.getrandbits(62))
        started = self.server.start(must=False)
        self.heal()
        if started and not (fault.deadly() and self.control.get("fired")):
            self.connect()
            return updates + self.stream_healed(), True
        status = self.server.gone()
        assert status in (1, -signal.SIGKILL), f"roostd ended with {status}:\n{self.server.tail(10)}"
        self.start()
        return updates, True

    def round_stop(self, fault):
        """The fault comes when the server tidies up."""
        updates = self.stream(lambda sent: sent < 10, 8)
        fault.arm(self.control, self.chance.getrandbits(62))
        self.server.popen.send_signal(signal.SIGTERM)
        status = self.server.gone()
        assert status in (0, -signal.SIGKILL), f"roostd ended with {status}:\n{self.server.tail(10)}"
        self.start()
        return updates, True

    def round(self, fault):
        """Whether the fault happened. AssertionError: a promise was broken."""
        updates, died = {"stream": self.round_stream, "start": self.round_start, "stop": self.round_stop}[fault.moment](fault)
        fired = bool(self.control.get("fired"))
        self.check(updates, died)
        return fired

    def end(self):
        """A stop without a fault."""
        self.server.stop()
        with sqlite3.connect(self.db) as db:
            assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        db.close()
        shutil.rmtree(self.directory)
        os.remove(self.server.log)


BROKEN = (AssertionError, sqlite3.Error, OSError, LookupError, struct.error, subprocess.TimeoutExpired)  # promises, in Life.round


@dataclasses.dataclass
class Result:
    """Of a life."""
    fired: list  # sorts of the faults that happened
    met: collections.Counter  # (file, call) that they happened to
    acknowledged: int = 0  # updates
    refused: int = 0
    broken: str = None  # the sort of fault behind which a promise was broken
    why: str = ""


def run_life(directory, template, seed, number, rounds):
    chance = random.Random(f"{seed}.{number}")
    result = Result([], collections.Counter())
    life = fault = None
    try:
        life = Life(directory, template, chance.random())
        for fault in plan(chance, rounds, number):
            if life.round(fault):
                result.fired.append(fault.sort)
                result.met[FILES[life.control.get("fired_file")], OPS[life.control.get("fired_op")]] += 1
        life.end()
    except BROKEN as wrong:
        said = [line for line in life.server.text().splitlines() if "transfer of" not in line][-12:] if life else []
        result.broken = fault.sort if fault else "start"
        result.why = (f"life {seed}.{number}, round {len(result.fired)} or later, {fault}:\n{type(wrong).__name__}: {wrong}\n" +
                      "\n".join(said))
        roost.end_all()
    if life:
        result.acknowledged, result.refused = life.acknowledged, life.refused
    return result
