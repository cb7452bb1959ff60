"""Everything at once, for the sanitizers: questions, updates, transfers and administration that cross each other's ways, and a stop
in the middle of it. What was acknowledged must be there, before and after a restart."""
import os
import random
import socket
import struct
import threading
import time

import dns.exception
import dns.message
import dns.query
import dns.rcode
import dns.update
import roost

SECONDS = int(os.environ.get("ROOST_STRESS_SECONDS", 15 if roost.SANITIZED else 4))
OTHER = "other.example"
TTL = 60
WORKERS = 4
NETWORK = (OSError, EOFError, dns.exception.DNSException)  # also what a server that is stopping makes of a client


class Load(threading.Thread):
    """Runs step() until told to stop. What goes wrong other than the network is kept for the test."""

    def __init__(self, home, name):
        super().__init__(name=name)
        self.home, self.chance = home, random.Random(name)
        self.over, self.wrong, self.steps = False, None, 0

    def step(self):
        raise NotImplementedError

    def run(self):
        while not self.over:
            try:
                self.step()
                self.steps += 1
            except NETWORK:
                if not self.home.server.running():
                    return
            except Exception as wrong:  # noqa: BLE001
                self.wrong = wrong
                return

    def tcp(self, seconds=10):
        return socket.create_connection((self.home.server.address, self.home.server.port), seconds)


def send_framed(stream, *wires):
    stream.sendall(b"".join(struct.pack("!H", len(wire)) + wire for wire in wires))


def receive_framed(stream):
    def exactly(count):
        data = b""
        while len(data) < count:
            more = stream.recv(count - len(data))
            if not more:
                raise EOFError
            data += more
        return data
    return exactly(struct.unpack("!H", exactly(2))[0])


class Asker(Load):
    """Questions by UDP, and pipelined by TCP, some signed, some on connections that break off."""

    names = ("home.example", "home.home.example", "nothing.home.example", "other.example", "www.other.example", "elsewhere.test")

    def question(self):
        query = dns.message.make_query(self.chance.choice(self.names), self.chance.choice(["A", "SOA", "ANY", "TXT"]),
                                       want_dnssec=self.chance.random() < 0.5)
        if self.chance.random() < 0.3:
            query.use_tsig(self.home.key.dnspython())
        return query

    def step(self):
        if self.chance.random() < 0.8:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
                sock.connect((self.home.server.address, self.home.server.port))
                sock.settimeout(5)
                wires = [self.question().to_wire() for _ in range(16)]
                for wire in wires:
                    sock.send(wire)
                for _ in wires:
                    sock.recv(4096)
            return
        with self.tcp() as stream:
            wires = [self.question().to_wire() for _ in range(8)]
            send_framed(stream, *wires)
            for _ in wires[:self.chance.randrange(9)]:
                receive_framed(stream)


class Updater(Load):
    """Adds a name of its own with each update, and a record to a name that all change. Keeps what was acknowledged."""

    def __init__(self, home, name, key=None):
        super().__init__(home, name)
        self.key, self.acked, self.count = key or home.key, set(), 0

    def update(self):
        label = f"{self.name}-{self.count}"
        self.count += 1
        update = dns.update.UpdateMessage(self.home.zone, keyring=self.key.dnspython())
        update.add(label, TTL, "A", "192.0.2.1")
        update.replace("shared", TTL, "TXT", label)
        return label, update, update.to_wire()

    def take(self, label, update, wire):
        answer = dns.message.from_wire(wire, keyring=self.key.dnspython(), request_mac=update.mac)
        assert answer.id == update.id
        if answer.rcode() == dns.rcode.NOERROR:
            self.acked.add(label)
        return answer


class UdpUpdater(Updater):
    def step(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.connect((self.home.server.address, self.home.server.port))
            sock.settimeout(5)
            label, update, wire = self.update()
            for _ in range(self.chance.choice([1, 1, 3])):  # a resent datagram has the same answer, or none
                sock.send(wire)
            self.take(label, update, sock.recv(4096))


class TcpUpdater(Updater):
    """Many in flight on a connection; sometimes it goes away without waiting for the answers."""

    def step(self):
        with self.tcp() as stream:
            sent = {}
            for _ in range(8):
                label, update, wire = self.update()
                sent[update.id] = (label, update)
                send_framed(stream, wire)
            if self.chance.random() < 0.2:
                return
            for _ in range(len(sent)):
                wire = receive_framed(stream)
                label, update = sent[struct.unpack("!H", wire[:2])[0]]
                self.take(label, update, wire)


class Transferrer(Load):
    """AXFR and IXFR, read to the end or broken off."""

    serials = ()

    def step(self):
        if self.chance.random() < 0.3:
            query = dns.message.make_query(self.home.zone, "AXFR")
            query.use_tsig(self.home.key.dnspython())
            with self.tcp() as stream:
                send_framed(stream, *[query.to_wire()] * 6)
                stream.recv(64)
            return
        if not self.serials or self.chance.random() < 0.5:
            messages = roost.transfer(self.home.server, self.home.zone, "AXFR", self.home.key)
        else:
            messages = roost.transfer(self.home.server, self.home.zone, "IXFR", self.home.key,
                                      serial=self.chance.choice(self.serials))
        first = messages[0].answer[0][0]
        self.serials = (*self.serials[-50:], first.serial)


class Importer(Load):
    """A zone that comes, changes as a whole, and goes."""

    def step(self):
        path = os.path.join(self.home.server.directory, "other.zone")
        for serial in range(1, 4):
            with open(path, "w", encoding="ascii") as out:
                out.write(f"$TTL 60\n@ SOA ns hostmaster {serial} 60 60 60 60\n@ NS ns\nns A 192.0.2.1\n")
                out.writelines(f"h{i} A 192.0.2.{i % 250}\n" for i in range(self.chance.randrange(2000)))
            self.home.server.ctl("zone", "import", OTHER, path)
            self.home.server.ctl("peer", "add", OTHER, "127.0.0.1@9", status=None)
        self.home.server.ctl("zone", "remove", OTHER)


class KeyChanger(Load):
    """Keys that come and go while updates and transfers signed with them are under way."""

    def __init__(self, home, name):
        super().__init__(home, name)
        self.key = roost.Key("fleeting")
        self.updater = TcpUpdater(home, "fleeting", self.key)
        self.stranger = None

    def run(self):
        self.stranger = Fleeting(self.updater)
        self.stranger.start()
        super().run()
        self.stranger.over = True
        self.stranger.join()
        self.wrong = self.wrong or self.stranger.wrong

    def step(self):
        ctl = self.home.server.ctl
        ctl("key", "add", self.key.name, "--secret", self.key.secret)
        ctl("grant", "add", self.home.zone, "update", "--key", self.key.name)
        ctl("grant", "add", self.home.zone, "transfer", "--key", self.key.name)
        ctl("key", "remove", self.key.name, "--force")


class Fleeting(Load):
    """The user of the key that comes and goes: NOTAUTH and REFUSED are what it must expect."""

    def __init__(self, updater):
        super().__init__(updater.home, "fleeting-user")
        self.updater = updater

    def step(self):
        try:
            self.updater.step()
        except dns.exception.DNSException:
            pass
        try:
            roost.transfer(self.home.server, self.home.zone, "AXFR", self.updater.key)
        except dns.exception.DNSException:
            pass


class PeerChanger(Load):
    """Secondaries that come and go: one that answers, one that answers nonsense, one that is not there."""

    def __init__(self, home, name):
        super().__init__(home, name)
        self.good, self.bad = Secondary(home, "good"), Secondary(home, "bad")

    def run(self):
        for secondary in (self.good, self.bad):
            secondary.start()
        super().run()
        for secondary in (self.good, self.bad):
            secondary.over = True
            secondary.join()
            self.wrong = self.wrong or secondary.wrong

    def step(self):
        ctl = self.home.server.ctl
        peers = [f"127.0.0.1@{self.good.port}", f"127.0.0.1@{self.bad.port}", "127.0.0.1@9", "::1@9"]
        for peer in peers:
            ctl("peer", "add", self.home.zone, peer, *(["--key", self.home.key.name] if self.chance.random() < 0.5 else []))
        ctl("status", "--json")
        for peer in peers:
            ctl("peer", "remove", self.home.zone, peer)


class Secondary(Load):
    def __init__(self, home, name):
        super().__init__(home, name)
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.bind(("127.0.0.1", 0))
        self.sock.settimeout(0.2)
        self.port = self.sock.getsockname()[1]

    def run(self):
        with self.sock:
            super().run()

    def step(self):
        wire, source = self.sock.recvfrom(4096)
        answer = bytearray(wire)
        answer[2] |= 0x80
        if self.name == "bad":
            for _ in range(3):
                answer[self.chance.randrange(len(answer))] ^= 1 << self.chance.randrange(8)
            answer = answer[:self.chance.randrange(1, len(answer) + 1)]
        self.sock.sendto(bytes(answer), source)


def present(home, labels):
    """Which of these names are in the zone."""
    owners = {owner for owner, _, _, _ in roost.axfr(home.server, home.zone, home.key)}
    return {label for label in labels if f"{label}.{home.zone}." in owners}


def start_loads(home):
    roost.roostctl(home.db, "grant", "add", home.zone, "transfer", "--key", home.key.name, status=None)
    loads = [Asker(home, "ask1"), Asker(home, "ask2"), UdpUpdater(home, "udp1"), UdpUpdater(home, "udp2"), TcpUpdater(home, "tcp1"),
             Transferrer(home, "xfr1"), Transferrer(home, "xfr2"), Importer(home, "import"), KeyChanger(home, "keys"),
             PeerChanger(home, "peers")]
    for load in loads:
        load.start()
    return loads


def end_loads(loads):
    for load in loads:
        load.over = True
    for load in loads:
        load.join()
        assert load.wrong is None, f"{load.name}: {load.wrong!r}"


def acked_by(loads):
    return {label for load in loads if isinstance(load, Updater) for label in load.acked}


def test_everything_at_once():
    home = roost.Home("--log-level", "warning", "--notify-retry", "50ms", workers=WORKERS)
    loads = start_loads(home)
    time.sleep(SECONDS)
    end_loads(loads)
    print({load.name: load.steps for load in loads})
    acked = acked_by(loads)
    assert all(load.steps for load in loads), {load.name: load.steps for load in loads}
    assert present(home, acked) == acked
    home.server.restart()
    assert present(home, acked) == acked


def test_a_stop_in_the_middle_of_everything():
    """Twice, because what is under way differs: the server ends in time and cleanly, and what it said was done is done."""
    home = roost.Home("--log-level", "warning", "--notify-retry", "50ms", workers=WORKERS)
    acked = set()
    for _ in range(2):
        loads = start_loads(home)
        time.sleep(SECONDS / 4)
        server = home.server
        for load in loads:  # roostctl without a server does the change itself, or is told that the database is in use: both are fine
            if isinstance(load, (Importer, KeyChanger, PeerChanger)):
                load.over = True
        begun = time.monotonic()
        server.popen.send_signal(15)
        server.popen.wait(roost.PATIENCE)
        took = time.monotonic() - begun
        end_loads([load for load in loads if not isinstance(load, (Importer, KeyChanger, PeerChanger))])
        for load in loads:
            load.over = True
            load.join()
        server.stop()  # looks at status and log
        assert took < roost.PATIENCE / 2, f"stopping took {took:.1f} s"
        acked |= acked_by(loads)
        server.start()
        assert present(home, acked) == acked
