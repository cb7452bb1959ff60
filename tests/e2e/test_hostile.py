"""Bytes that no honest client sends, over UDP and TCP, to a running roostd.

After every group the server lives, answers a normal question, and (conftest.py) stops cleanly without a sanitizer's report.
What is answered must be an answer: same ID, QR set, the question repeated where it was whole (RFC 1035 §4.1.1);
server/dns/request.h has the table of what gets which RCODE.
"""
import random
import socket
import struct
import time

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.opcode
import dns.rcode
import dns.rdatatype
import dns.tsig
import dns.update
import pytest
import roost

SEED = 20260301
FLIPPED = 5000     # packets with wrong bits
BURST = 40         # packets before we wait for the server, so that its socket buffer never overflows
IDLE = 500         # connections that say nothing
PIPELINED = 50
HEADER = 12
FORMERR, NOTIMP, REFUSED, NOTAUTH = (dns.rcode.FORMERR, dns.rcode.NOTIMP, dns.rcode.REFUSED, dns.rcode.NOTAUTH)


# ---- Packets by hand ----

def header(ident=4711, flags=0, counts=(1, 0, 0, 0)):
    return struct.pack("!6H", ident, flags, *counts)


def wire_name(text):
    return dns.name.from_text(text).to_wire()


def question(name="home.example", rdtype=dns.rdatatype.SOA, rdclass=1):
    return (name if isinstance(name, bytes) else wire_name(name)) + struct.pack("!HH", rdtype, rdclass)


def record(owner, rdtype, rdclass, ttl, rdata):
    return owner + struct.pack("!HHIH", rdtype, rdclass, ttl, len(rdata)) + rdata


def opt(owner=b"\0", version=0, size=1232, flags=0, options=b""):
    return record(owner, dns.rdatatype.OPT, size, version << 16 | flags, options)


def tsig(key="nobody", algorithm="hmac-sha256", mac=b"\x5a" * 32, mac_size=None, other=b"", other_size=None, when=None, cut=None):
    """A TSIG record; the sizes can be lies, and `cut` shortens its RDATA."""
    when = int(time.time()) if when is None else when
    rdata = wire_name(algorithm) + struct.pack("!HIHH", when >> 32, when & 0xffffffff, 300,
                                               len(mac) if mac_size is None else mac_size) + mac
    rdata += struct.pack("!HHH", 4711, 0, len(other) if other_size is None else other_size) + other
    return record(wire_name(key), dns.rdatatype.TSIG, 255, 0, rdata[:cut])


def signed(message, key):
    message.use_tsig(key.dnspython())
    return message.to_wire()


def honest(home):
    """Well-formed messages of every kind, to be damaged. UPDATEs among them are unsigned or of a stranger."""
    stranger = roost.Key("stranger")
    update = dns.update.UpdateMessage(home.zone)
    update.present("home")
    update.add("x", 300, "A", "192.0.2.1")
    update.delete("y")
    notify = dns.message.make_query(home.zone, "SOA")
    notify.set_opcode(dns.opcode.NOTIFY)
    ixfr = dns.message.make_query(home.zone, "IXFR")
    ixfr.authority.append(dns.rrset.from_text(home.zone + ".", 0, "IN", "SOA", ". . 1 2 3 4 5"))
    return [
        dns.message.make_query(home.host, "A").to_wire(),
        dns.message.make_query(home.zone, "SOA", use_edns=0, want_dnssec=True).to_wire(),
        header(counts=(1, 0, 0, 1)) + question() + opt(options=struct.pack("!HH8s", 10, 8, b"cookie--")),
        signed(dns.message.make_query(home.zone, "SOA"), home.key),
        signed(dns.message.make_query(home.zone, "MX"), stranger),
        update.to_wire(),
        signed(dns.update.UpdateMessage(home.zone), stranger),
        notify.to_wire(),
        ixfr.to_wire(),
        dns.message.make_query(home.zone, "ANY").to_wire(),
        header(counts=(1, 1, 1, 1)) + question() + 3 * record(b"\xc0\x0c", dns.rdatatype.MX, 1, 60, b"\0\1\xc0\x0c"),
    ]


# ---- Sending ----

class Udp:
    """One socket to the server; exchange() gives what came back, in order of arrival."""

    def __init__(self, server):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        self.socket.connect((server.address, server.port))
        self.socket.settimeout(roost.PATIENCE)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def exchange(self, packets):
        """Sends them all; a normal question behind every burst shows when the server is through. One socket has one worker, so
        its answers come in order."""
        answers = []
        mark = header(ident=0xbeef) + question("mark.invalid")
        for start in range(0, len(packets), BURST):
            for packet in packets[start:start + BURST]:
                self.socket.send(packet)
            self.socket.send(mark)
            while True:
                answer = self.socket.recv(65535)
                if answer[:2] == mark[:2] and answer[HEADER:] == mark[HEADER:]:
                    break
                answers.append(answer)
        return answers

    def ask(self, packet):
        """The answer to one packet, or None."""
        answers = self.exchange([packet])
        assert len(answers) <= 1
        return answers[0] if answers else None


def connect(server):
    stream = socket.create_connection((server.address, server.port), timeout=roost.PATIENCE)
    stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return stream


def framed(packet):
    return struct.pack("!H", len(packet)) + packet


def receive(stream):
    """One message from the connection; None when it ends before."""
    data = b""
    while len(data) < 2 or len(data) < 2 + struct.unpack("!H", data[:2])[0]:
        want = 2 - len(data) if len(data) < 2 else 2 + struct.unpack("!H", data[:2])[0] - len(data)
        try:
            more = stream.recv(want)
        except ConnectionError:
            return None
        if not more:
            return None
        data += more
    return data[2:]


def ask_tcp(server, packet):
    with connect(server) as stream:
        stream.sendall(framed(packet))
        return receive(stream)


# ---- Checking ----

def rcode_of(answer):
    return struct.unpack("!H", answer[2:4])[0] & 15


def check_answer(packet, answer, rcode=None):
    """What every answer owes: ID, QR, opcode, and the question as it came or none."""
    assert answer is not None, f"no answer to {packet.hex()}"
    assert answer[:2] == packet[:2]
    sent, got = struct.unpack("!H", packet[2:4])[0], struct.unpack("!H", answer[2:4])[0]
    assert got & 0x8000 and got & 0x7800 == sent & 0x7800
    assert not got & 0x0040, "Z must be zero (RFC 1035 §4.1.1)"
    if rcode is not None:
        assert got & 15 == rcode, f"{dns.rcode.to_text(got & 15)} for {packet.hex()}"
    questions = struct.unpack("!H", answer[4:6])[0]
    assert questions <= 1
    if questions:
        assert answer[HEADER:] and packet[HEADER:].startswith(raw_question(answer))
    if sent & 0x7800 == 0:
        try:
            dns.message.from_wire(answer)
        except (dns.message.UnknownTSIGKey, dns.tsig.BadSignature, dns.tsig.PeerError):
            pass


def raw_question(message):
    """The first question's octets, when its name is written out."""
    at = HEADER
    while message[at]:
        assert message[at] < 64
        at += 1 + message[at]
    return message[HEADER:at + 5]


def still_well(home):
    """Alive, and a normal question gets its answer both ways."""
    assert home.server.running(), home.server.tail()
    assert home.serial() is not None
    assert roost.query(home.server, home.zone, "SOA", tcp=True).answer


def check_formerr(home, packet, echo=True):
    """FORMERR by UDP and by TCP, with the question if it was whole."""
    with Udp(home.server) as udp:
        for answer in (udp.ask(packet), ask_tcp(home.server, packet)):
            check_answer(packet, answer, FORMERR)
            assert struct.unpack("!4H", answer[4:HEADER])[0] == (1 if echo else 0), packet.hex()


# ---- Damaged messages ----

def test_every_truncation():
    """Less than a header: silence. Less than its counts say: FORMERR, with the question once that is whole."""
    home = roost.Home()
    with Udp(home.server) as udp:
        for message in honest(home):
            whole = HEADER + len(raw_question(message))
            shorter = [message[:length] for length in range(len(message))]
            answers = udp.exchange(shorter)
            assert len(answers) == len(message) - HEADER
            for cut, answer in zip(shorter[HEADER:], answers):
                check_answer(cut, answer, FORMERR)
                assert struct.unpack("!H", answer[4:6])[0] == (len(cut) >= whole)
    still_well(home)


def test_every_truncation_by_tcp():
    home = roost.Home()
    for message in honest(home)[:4]:
        for length in range(len(message)):
            with connect(home.server) as stream:
                stream.sendall(framed(message[:length]))
                stream.shutdown(socket.SHUT_WR)
                answer = receive(stream)
                if length >= HEADER:
                    check_answer(message[:length], answer, FORMERR)
                else:
                    assert answer is None
    still_well(home)


def test_wrong_bits():
    home = roost.Home()
    before = home.serial()
    chance = random.Random(SEED)
    messages = honest(home)
    packets = []
    for _ in range(FLIPPED):
        packet = bytearray(chance.choice(messages))
        for _ in range(chance.choice((1, 1, 2, 4, 16))):
            packet[chance.randrange(len(packet))] ^= 1 << chance.randrange(8)
        if packet[:2] != b"\xbe\xef":
            packets.append(bytes(packet))
    with Udp(home.server) as udp:
        by_id = {}
        for packet in packets:
            by_id.setdefault(packet[:2], []).append(packet)
        for answer in udp.exchange(packets):
            assert answer[:2] in by_id
            assert answer[2] & 0x80
    still_well(home)
    assert home.serial() == before


def test_random_octets():
    home = roost.Home()
    chance = random.Random(SEED)
    with Udp(home.server) as udp:
        udp.exchange([chance.randbytes(chance.choice((0, 1, 11, 12, 13, 40, 300, 512, 1400))) for _ in range(1000)])
        udp.exchange([header(chance.randrange(1, 0xbee0)) + chance.randbytes(chance.randrange(60)) for _ in range(1000)])
    still_well(home)


def pointer(at):
    return struct.pack("!H", 0xc000 | at)


BAD_NAMES = {  # what stands at offset `at`
    "a pointer to itself": pointer,
    "a pointer behind itself": lambda at: pointer(at + 2),
    "a pointer past the end": lambda at: b"\xff\xff",
    "half a pointer": lambda at: b"\xc0",
    "labels that lead to themselves": lambda at: b"\1a" + pointer(at),
    "two pointers at one another": lambda at: pointer(at + 2) + pointer(at),
    "label type 01": lambda at: b"\x41" + b"a" * 65 + b"\0",
    "label type 10": lambda at: b"\x81" + b"a" * 129 + b"\0",
    "256 octets": lambda at: b"".join(bytes([size]) + b"a" * size for size in (63, 63, 63, 62)) + b"\0",
    "no end": lambda at: b"\3www\7example",
}


@pytest.mark.parametrize("name", BAD_NAMES.values(), ids=BAD_NAMES.keys())
def test_bad_names(name):
    """As QNAME, as an owner and in RDATA."""
    home = roost.Home()
    check_formerr(home, header() + name(HEADER) + b"\0\1\0\1", echo=False)
    good = question()
    owner_at = HEADER + len(good)
    rdata_at = owner_at + 2 + 10
    check_formerr(home, header(counts=(1, 1, 0, 0)) + good + record(name(owner_at), dns.rdatatype.A, 1, 0, b"\1\2\3\4"))
    check_formerr(home, header(counts=(1, 0, 1, 0)) + good + record(pointer(HEADER), dns.rdatatype.NS, 1, 0, name(rdata_at)))
    still_well(home)


def test_wrong_counts():
    home = roost.Home()
    plain = dns.message.make_query(home.zone, "SOA").to_wire()[HEADER:]
    for counts in ((1, 1, 0, 0), (1, 0, 1, 0), (1, 0, 0, 1), (1, 65535, 65535, 65535), (2, 0, 0, 0), (65535, 0, 0, 0)):
        check_formerr(home, header(counts=counts) + plain)
    check_formerr(home, header(counts=(2, 0, 0, 0)) + plain + plain)
    for counts in ((0, 0, 0, 0), (0, 0, 0, 1)):
        packet = header(counts=counts) + (opt() if counts[3] else b"")
        with Udp(home.server) as udp:
            check_answer(packet, udp.ask(packet), FORMERR)
    check_formerr(home, header(counts=(0, 0, 0, 0)) + plain, echo=False)
    still_well(home)


def test_trailing_octets():
    home = roost.Home()
    for message in honest(home):
        for garbage in (b"\0", b"\xff" * 7, b"\0" * 300):
            with Udp(home.server) as udp:
                check_answer(message, udp.ask(message + garbage), FORMERR)
    answer = ask_tcp(home.server, (header() + question()).ljust(65535, b"\0"))
    check_answer(header() + question(), answer, FORMERR)
    still_well(home)


def test_records_that_lie_about_their_length():
    home = roost.Home()
    for rdlength in (0, 3, 5, 0xffff):
        bad = b"\xc0\x0c" + struct.pack("!HHIH", dns.rdatatype.A, 1, 0, rdlength) + b"\1\2\3\4"
        check_formerr(home, header(counts=(1, 1, 0, 0)) + question() + bad)
    check_formerr(home, header(counts=(1, 0, 0, 1)) + question() + opt(options=b"\0\x0a\0\x09cookie--"))
    check_formerr(home, header(counts=(1, 0, 0, 1)) + question() + opt(options=b"\0\x0a\0"))
    still_well(home)


# ---- Well-formed, but not for us ----

def test_answers_get_silence():
    """QR set: two servers must not talk for ever."""
    home = roost.Home()
    with Udp(home.server) as udp:
        for message in honest(home):
            assert udp.ask(message[:2] + bytes([message[2] | 0x80]) + message[3:]) is None
        assert udp.ask(header(flags=0x8000, counts=(0, 0, 0, 0))) is None
        assert udp.ask(header(flags=0x8001) + b"\xff") is None
    still_well(home)


def test_unknown_opcodes():
    home = roost.Home()
    with Udp(home.server) as udp:
        for opcode in set(range(16)) - {dns.opcode.QUERY, dns.opcode.NOTIFY, dns.opcode.UPDATE}:
            packet = header(flags=opcode << 11) + question()
            for answer in (udp.ask(packet), ask_tcp(home.server, packet)):
                check_answer(packet, answer, NOTIMP)
    still_well(home)


def test_other_classes():
    home = roost.Home()
    with Udp(home.server) as udp:
        for rdclass in (0, 2, 3, 4, 254, 65535):
            packet = header() + question("version.bind", dns.rdatatype.TXT, rdclass)
            check_answer(packet, udp.ask(packet), REFUSED)
            packet = header() + question(home.zone, dns.rdatatype.SOA, rdclass)
            check_answer(packet, udp.ask(packet), REFUSED)
    still_well(home)


def test_types_that_are_no_data():
    """Meta types and QTYPEs that we do not have, some of them only sensible elsewhere: an answer, and no harm."""
    home = roost.Home()
    with Udp(home.server) as udp:
        for rdtype in (0, 41, 249, 250, 251, 252, 253, 254, 65535):
            packet = header() + question(home.zone, rdtype)
            for answer in (udp.ask(packet), ask_tcp(home.server, packet)):
                check_answer(packet, answer)
                assert struct.unpack("!H", answer[6:8])[0] == 0 or rdtype in (251, 252)
    still_well(home)


def test_flags_of_others():
    """RD and CD come back (RFC 1035 §4.1.1, RFC 4035 §3.1.6), RA and AD do not, Z is cleared; none changes the answer."""
    home = roost.Home()
    with Udp(home.server) as udp:
        for flags in (0x0100, 0x0010, 0x0020, 0x0040, 0x0080, 0x0200, 0x0400, 0x07ff & ~15, 15):
            packet = header(flags=flags) + question()
            answer = udp.ask(packet)
            check_answer(packet, answer, dns.rcode.NOERROR)
            assert struct.unpack("!H", answer[2:4])[0] == 0x8400 | flags & 0x0110
    still_well(home)


# ---- EDNS ----

def test_edns_version():
    """RFC 6891 §6.1.3: BADVERS, with version 0 in the answer's OPT."""
    home = roost.Home()
    with Udp(home.server) as udp:
        for version in (1, 2, 255):
            packet = header(counts=(1, 0, 0, 1)) + question() + opt(version=version)
            answer = udp.ask(packet)
            check_answer(packet, answer)
            parsed = dns.message.from_wire(answer)
            assert parsed.rcode() == dns.rcode.BADVERS and parsed.edns == 0 and not parsed.answer
    still_well(home)


def test_opt_in_wrong_places():
    home = roost.Home()
    good = question()
    check_formerr(home, header(counts=(1, 0, 0, 2)) + good + opt() + opt())
    check_formerr(home, header(counts=(1, 0, 0, 2)) + good + opt() + opt(version=1))
    check_formerr(home, header(counts=(1, 0, 0, 1)) + good + opt(owner=wire_name("home.example")))
    check_formerr(home, header(counts=(1, 0, 0, 1)) + good + opt(owner=b"\xc0\x0c"))
    check_formerr(home, header(counts=(1, 1, 0, 0)) + good + opt())
    check_formerr(home, header(counts=(1, 0, 1, 0)) + good + opt())
    still_well(home)


def test_unknown_options_and_flags():
    """RFC 6891 §6.1.2, §6.1.4: ignored."""
    home = roost.Home()
    many = b"".join(struct.pack("!HH", 60000 + i, 0) for i in range(100))
    with Udp(home.server) as udp:
        for odd in (opt(options=many), opt(flags=0x7fff), opt(size=0), opt(size=65535)):
            packet = header(counts=(1, 0, 0, 1)) + question() + odd
            answer = udp.ask(packet)
            check_answer(packet, answer, dns.rcode.NOERROR)
            assert dns.message.from_wire(answer).ednsflags & 0x7fff == 0
    still_well(home)


# ---- TSIG (RFC 8945 §5.1, §5.2) ----

def test_tsig_in_wrong_places():
    home = roost.Home()
    good = question()
    address = record(b"\xc0\x0c", dns.rdatatype.A, 1, 0, b"\1\2\3\4")
    check_formerr(home, header(counts=(1, 0, 0, 2)) + good + tsig() + address)
    check_formerr(home, header(counts=(1, 0, 0, 2)) + good + tsig() + opt())
    check_formerr(home, header(counts=(1, 0, 0, 2)) + good + tsig() + tsig())
    check_formerr(home, header(counts=(1, 1, 0, 0)) + good + tsig())
    check_formerr(home, header(counts=(1, 0, 1, 0)) + good + tsig())
    still_well(home)


def test_tsig_with_bad_lengths():
    home = roost.Home()
    for bad in (tsig(mac_size=33), tsig(mac_size=65535), tsig(mac_size=31), tsig(other_size=1), tsig(other_size=65535),
                tsig(cut=0), tsig(cut=5), tsig(cut=20), tsig(cut=-1), tsig(cut=-5)):
        check_formerr(home, header(counts=(1, 0, 0, 1)) + question() + bad)
    still_well(home)


def test_tsig_that_does_not_hold():
    """NOTAUTH; the MAC's length is judged too (RFC 8945 §5.2.2.1)."""
    home = roost.Home()
    name, algorithm = home.key.name, home.key.algorithm
    with Udp(home.server) as udp:
        for wrong in (tsig(), tsig(key=name, algorithm=algorithm), tsig(key=name, algorithm="hmac-nothing"),
                      tsig(key=name, when=0), tsig(key=name, when=(1 << 48) - 1), tsig(key=name, other=b"x" * 6)):
            packet = header(counts=(1, 0, 0, 1)) + question() + wrong
            answer = udp.ask(packet)
            check_answer(packet, answer, NOTAUTH)
            assert struct.unpack("!H", answer[10:12])[0] == 1
        for length in (0, 1, 9, 33, 64):
            packet = header(counts=(1, 0, 0, 1)) + question() + tsig(key=name, algorithm=algorithm, mac=b"\x5a" * length)
            answer = udp.ask(packet)
            check_answer(packet, answer)
            assert rcode_of(answer) in (FORMERR, NOTAUTH)
        for length in (10, 15, 16, 31):  # truncated, long enough to be well-formed or not: never accepted
            packet = header(counts=(1, 0, 0, 1)) + question() + tsig(key=name, algorithm=algorithm, mac=b"\x5a" * length)
            assert rcode_of(udp.ask(packet)) in (FORMERR, NOTAUTH)
    still_well(home)


# ---- Streams (RFC 7766) ----

def test_lengths_that_lie():
    home = roost.Home()
    with connect(home.server) as stream:
        stream.sendall(b"\0\0")
    with connect(home.server) as stream:
        stream.sendall(b"\0\0" * 1000)
    with connect(home.server) as stream:
        stream.sendall(b"\0\5abcde")
    with connect(home.server) as stream:
        stream.sendall(b"\xff\xff" + header() + question())
    with connect(home.server) as stream:
        stream.sendall(b"\xff")
    still_well(home)


def test_a_slow_writer_is_answered():
    home = roost.Home()
    packet = header() + question()
    with connect(home.server) as stream:
        for octet in framed(packet):
            stream.sendall(bytes([octet]))
            time.sleep(0.002)
        check_answer(packet, receive(stream), dns.rcode.NOERROR)


def test_messages_cut_anywhere():
    """Segments need not be messages (RFC 7766 §8)."""
    home = roost.Home()
    packets = [header(ident) + question() for ident in range(1, 9)]
    data = b"".join(framed(packet) for packet in packets)
    for size in (1, 3, 7, 31, 100):
        with connect(home.server) as stream:
            for start in range(0, len(data), size):
                stream.sendall(data[start:start + size])
            assert sorted(receive(stream)[:2] for _ in packets) == [packet[:2] for packet in packets]


def test_pipelined_questions():
    """RFC 7766 §6.2.1.1."""
    home = roost.Home()
    packets = {struct.pack("!H", ident): header(ident) + question() for ident in range(1, PIPELINED + 1)}
    with connect(home.server) as stream:
        stream.sendall(b"".join(framed(packet) for packet in packets.values()))
        for _ in range(PIPELINED):
            answer = receive(stream)
            check_answer(packets.pop(answer[:2]), answer, dns.rcode.NOERROR)
    assert not packets


def test_half_closed_connections():
    """Who has nothing more to ask still gets the answers."""
    home = roost.Home()
    packets = {struct.pack("!H", ident): header(ident) + question() for ident in range(1, 6)}
    with connect(home.server) as stream:
        stream.sendall(b"".join(framed(packet) for packet in packets.values()))
        stream.shutdown(socket.SHUT_WR)
        while answer := receive(stream):
            check_answer(packets.pop(answer[:2]), answer, dns.rcode.NOERROR)
    assert not packets
    with connect(home.server) as stream:
        stream.shutdown(socket.SHUT_WR)
        assert receive(stream) is None
    still_well(home)


def test_connections_that_break_off():
    """Resets before, in the middle of and after a question."""
    home = roost.Home()
    data = framed(header() + question())
    for length in (0, 1, 2, 10, len(data), len(data) + 1):
        for _ in range(20):
            stream = connect(home.server)
            stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            stream.sendall((data + data)[:length])
            stream.close()
    still_well(home)


def test_a_client_that_does_not_read():
    """Its questions wait; others are answered meanwhile."""
    home = roost.Home()
    with connect(home.server) as stream:
        stream.settimeout(0.5)
        data = framed(header() + question()) * 1000
        try:
            for _ in range(200):
                stream.sendall(data)
        except (socket.timeout, ConnectionError):
            pass
        still_well(home)
    still_well(home)


def test_idle_connections():
    home = roost.Home()
    idle = [connect(home.server) for _ in range(IDLE)]
    try:
        for stream in idle[::2]:
            stream.sendall(b"\0")
        still_well(home)
    finally:
        for stream in idle:
            stream.close()
    still_well(home)


def test_garbage_by_tcp():
    home = roost.Home()
    chance = random.Random(SEED)
    messages = honest(home)
    for _ in range(200):
        packet = bytearray(chance.choice(messages))
        for _ in range(chance.choice((1, 2, 8))):
            packet[chance.randrange(len(packet))] ^= 1 << chance.randrange(8)
        with connect(home.server) as stream:
            stream.sendall(framed(bytes(packet)) + chance.randbytes(chance.randrange(20)))
            stream.shutdown(socket.SHUT_WR)
            while answer := receive(stream):
                assert answer[2] & 0x80
    still_well(home)
