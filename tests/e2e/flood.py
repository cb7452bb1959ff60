"""Many questions from one place, by UDP and TCP, and what came back."""
import dataclasses
import select
import socket
import time

import dns.flags
import dns.message
import roost
from test_hostile import framed, receive

FLOOD = 400  # questions at once, far over any rate that is configured here
BURST = 40   # before we wait for the server, so that its socket buffer never overflows


@dataclasses.dataclass
class Tally:
    """What came back of a flood."""
    whole: int = 0
    truncated: int = 0
    nothing: int = 0


class Client:
    """A UDP socket to the server. `proxy` goes before each datagram; its marks are signed, so never limited."""

    def __init__(self, home, proxy=b"", source="127.0.0.1"):
        self.home, self.proxy = home, proxy
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((source, 0))
        self.socket.connect((home.server.address, home.server.port))
        self.socket.settimeout(roost.PATIENCE)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def exchange(self, packets):
        """What comes back to them, as packets."""
        answers = []
        for start in range(0, len(packets), BURST):
            for packet in packets[start:start + BURST]:
                self.socket.send(self.proxy + packet)
            mark = dns.message.make_query(self.home.zone, "SOA", id=0xbeef)
            mark.use_tsig(self.home.key.dnspython())
            self.socket.send(self.proxy + mark.to_wire())
            while (answer := self.socket.recv(65535))[:2] != b"\xbe\xef":
                answers.append(answer)
        return answers

    def flood(self, name, rdtype="A", count=FLOOD):
        """Asks so many times; a "%d" in the name is counted up."""
        packets = [query(name % i if "%d" in name else name, rdtype, i) for i in range(count)]
        answers = [dns.message.from_wire(answer) for answer in self.exchange(packets)]
        truncated = sum(bool(answer.flags & dns.flags.TC) for answer in answers)
        return Tally(len(answers) - truncated, truncated, count - len(answers))


def query(name, rdtype="A", ident=1, **more):
    return dns.message.make_query(name, rdtype, id=ident, **more).to_wire()


def check_limited(tally, started, rate):
    """A second's worth, and what the time since has brought; of the others, half truncated."""
    most = rate + rate * (time.monotonic() - started) + 1
    assert rate <= tally.whole <= most, tally
    assert abs(tally.truncated - tally.nothing) <= 1, tally


# ---- TCP ----

def ask(stream, home, ident=1, seconds=None):
    """A question and its answer on an open connection."""
    stream.settimeout(seconds or roost.PATIENCE)
    stream.sendall(framed(query(home.zone, "SOA", ident)))
    answer = receive(stream)
    return answer is not None and dns.message.from_wire(answer).id == ident


def is_closed(stream, seconds=roost.PATIENCE):
    """Whether the server ends the connection within the time; nothing else is expected on it."""
    readable, _, _ = select.select([stream], [], [], seconds)
    if not readable:
        return False
    try:
        assert stream.recv(1) == b""
    except ConnectionError:
        pass
    return True


def connect_from(home, source):
    return socket.create_connection((home.server.address, home.server.port), roost.PATIENCE, (source, 0))


def close_all(streams):
    for stream in streams:
        stream.close()
