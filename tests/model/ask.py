"""Many questions to one server, as fast as it answers: a window of them is always under way."""
import dataclasses
import socket
import struct

import dns.name
import dns.rdatatype

WINDOW_UDP, WINDOW_TCP = 32, 8
PATIENCE = 2  # seconds without any answer, then what is open is asked again
TRIES = 4


@dataclasses.dataclass(frozen=True)
class Question:
    name: dns.name.Name
    rdtype: int
    tcp: bool = False
    size: int = 0  # octets of UDP payload in EDNS; 0: no EDNS
    dnssec_ok: bool = False

    def wire(self, number):
        edns = struct.pack("!BHHIH", 0, 41, self.size, 0x8000 if self.dnssec_ok else 0, 0) if self.size else b""
        return struct.pack("!HHHHHH", number, 0, 1, 0, 0, 1 if edns else 0) + self.question() + edns

    def by_tcp(self):
        return dataclasses.replace(self, tcp=True)

    def question(self):
        return self.name.to_wire() + struct.pack("!HH", self.rdtype, 1)

    def __str__(self):
        how = "TCP" if self.tcp else "UDP"
        edns = f", EDNS {self.size}{' DO' if self.dnssec_ok else ''}" if self.size else ""
        return f"{self.name} {dns.rdatatype.to_text(self.rdtype)} ({how}{edns})"


def number_of(wire):
    return struct.unpack_from("!H", wire)[0]


def ask_udp(server, questions):
    """The answers as octets, None for one that never came."""
    answers = [None] * len(questions)
    waiting, missed, following = {}, 0, 0
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        sock.connect((server.address, server.port))
        sock.settimeout(PATIENCE)
        while waiting or following < len(questions):
            while following < len(questions) and len(waiting) < WINDOW_UDP:
                waiting[following & 0xffff] = following
                sock.send(questions[following].wire(following & 0xffff))
                following += 1
            try:
                answer = sock.recv(65536)
            except TimeoutError:
                missed += 1
                if missed == TRIES:
                    waiting, missed = {}, 0
                for number, which in waiting.items():
                    sock.send(questions[which].wire(number))
                continue
            which = waiting.pop(number_of(answer), None) if len(answer) >= 12 else None
            if which is not None:
                answers[which], missed = answer, 0
    return answers


class Stream:
    """A TCP connection: whole messages in and out."""

    def __init__(self, server):
        self.sock = socket.create_connection((server.address, server.port), PATIENCE)
        self.kept = b""

    def send(self, message):
        self.sock.sendall(struct.pack("!H", len(message)) + message)

    def receive(self):
        """The next message; OSError when it does not come."""
        while len(self.kept) < 2 or len(self.kept) < 2 + number_of(self.kept):
            some = self.sock.recv(65536)
            if not some:
                raise ConnectionError("closed by the server")
            self.kept += some
        end = 2 + number_of(self.kept)
        message, self.kept = self.kept[2:end], self.kept[end:]
        return message

    def close(self):
        self.sock.close()


def ask_tcp(server, questions):
    """As ask_udp. A connection that breaks is opened again, for what is still open."""
    answers = [None] * len(questions)
    todo, tries = list(range(len(questions))), 0
    while todo and tries < TRIES:
        stream = Stream(server)
        waiting, following, before = {}, 0, len(todo)
        try:
            while waiting or following < len(todo):
                while following < len(todo) and len(waiting) < WINDOW_TCP:
                    which = todo[following]
                    waiting[which & 0xffff] = which
                    stream.send(questions[which].wire(which & 0xffff))
                    following += 1
                answer = stream.receive()
                answers[waiting.pop(number_of(answer))] = answer
        except OSError:
            pass
        finally:
            stream.close()
        todo = [which for which in todo if answers[which] is None]
        tries = 0 if len(todo) < before else tries + 1
    return answers


def ask(server, questions):
    """The answers in the order of the questions."""
    answers = [None] * len(questions)
    for transport, wanted in ((ask_udp, False), (ask_tcp, True)):
        numbers = [number for number, question in enumerate(questions) if question.tcp == wanted]
        for number, answer in zip(numbers, transport(server, [questions[number] for number in numbers])):
            answers[number] = answer
    return answers
