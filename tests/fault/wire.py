"""DNS messages, made and read with nothing but struct: thousands of rounds need a client that costs little.

A record is (owner text in lower case, type, TTL, RDATA octets with its names written out), as the database's rows have it.
"""
import base64
import hashlib
import hmac
import socket
import struct

A, NS, CNAME, SOA, MX, TXT, AAAA, TSIG, IXFR, AXFR = 1, 2, 5, 6, 15, 16, 28, 250, 251, 252
IN, NONE, ANY = 1, 254, 255
NOERROR, SERVFAIL, REFUSED, NOTAUTH = 0, 2, 5, 9
OPCODE_UPDATE = 5 << 11
FUDGE = 300  # seconds, RFC 8945 §10
NAMES_AT = {NS: 0, CNAME: 0, MX: 2}  # octets of RDATA before its name


def name(text):
    return b"".join(bytes([len(label)]) + label.encode() for label in text.split(".") if label) + b"\0"


def rr(owner, rdtype, rdclass, ttl, rdata=b""):
    return name(owner) + struct.pack(">HHIH", rdtype, rdclass, ttl, len(rdata)) + rdata


def txt(text):
    return bytes([len(text)]) + text.encode()


def question(number, qname, qtype, authority=b""):
    return struct.pack(">HHHHHH", number, 0, 1, 0, 1 if authority else 0, 0) + name(qname) + struct.pack(">HH", qtype, IN) + authority


def ixfr(number, zone, serial):
    return question(number, zone, IXFR, rr(zone, SOA, IN, 0, b"\0\0" + struct.pack(">IIIII", serial, 0, 0, 0, 0)))


def update(number, zone, records):
    """An UPDATE of the zone with those ready records."""
    return struct.pack(">HHHHHH", number, OPCODE_UPDATE, 1, 0, len(records), 0) + name(zone) + struct.pack(">HH", SOA, IN) + b"".join(records)


def signed(key, message, now):
    """The message with a TSIG of hmac-sha256 (RFC 8945 §4.3.3)."""
    time = struct.pack(">HI", now >> 32, now & 0xffffffff)
    algorithm = name("hmac-sha256")
    variables = name(key.name) + struct.pack(">HI", ANY, 0) + algorithm + time + struct.pack(">HHH", FUDGE, 0, 0)
    mac = hmac.digest(base64.b64decode(key.secret), message + variables, hashlib.sha256)
    rdata = algorithm + time + struct.pack(">HH", FUDGE, len(mac)) + mac + message[:2] + struct.pack(">HH", 0, 0)
    return message[:10] + b"\0\1" + message[12:] + rr(key.name, TSIG, ANY, 0, rdata)


def notify_answer(message):
    """The answer to a NOTIFY."""
    return message[:2] + bytes([message[2] | 0x80, 0]) + message[4:6] + bytes(6) + message[12:read_name(message, 12)[1] + 4]


def read_name(message, at):
    """The name's octets, lower case, and where it ends."""
    out, end = b"", None
    while message[at]:
        if message[at] >= 0xc0:
            end = end or at + 2
            at = (message[at] & 0x3f) << 8 | message[at + 1]
            continue
        out += message[at:at + 1 + message[at]].lower()
        at += 1 + message[at]
    return out + b"\0", end or at + 1


def text(wire):
    out, at = "", 0
    while wire[at]:
        out += wire[at + 1:at + 1 + wire[at]].decode() + "."
        at += 1 + wire[at]
    return out


def read_rdata(message, rdtype, at, length):
    if rdtype == SOA:
        mname, at = read_name(message, at)
        rname, at = read_name(message, at)
        return mname + rname + message[at:at + 20]
    if rdtype in NAMES_AT:
        head = NAMES_AT[rdtype]
        return message[at:at + head] + read_name(message, at + head)[0]
    return message[at:at + length]


def answers(message):
    """The records of the answer section."""
    _, _, questions, count = struct.unpack_from(">HHHH", message)
    at = 12
    for _ in range(questions):
        at = read_name(message, at)[1] + 4
    for _ in range(count):
        owner, at = read_name(message, at)
        rdtype, _, ttl, length = struct.unpack_from(">HHIH", message, at)
        yield (text(owner), rdtype, ttl, read_rdata(message, rdtype, at + 10, length))
        at += 10 + length


def soa_serial(rdata):
    return struct.unpack(">I", rdata[-20:-16])[0]


def rcode(message):
    return message[3] & 15


def exactly(sock, count):
    data = b""
    while len(data) < count:
        more = sock.recv(count - len(data))
        if not more:
            raise ConnectionError("the connection was closed")
        data += more
    return data


def transfer(address, request, seconds):
    """The records of a transfer in order: until the SOA that it began with has come for the second time as the last."""
    records, final = [], None
    with socket.create_connection(address, timeout=seconds) as sock:
        sock.sendall(struct.pack(">H", len(request)) + request)
        while True:
            message = exactly(sock, struct.unpack(">H", exactly(sock, 2))[0])
            assert rcode(message) == NOERROR, f"the transfer was answered with RCODE {rcode(message)}"
            records.extend(answers(message))
            final = final or records[0]
            incremental = len(records) > 1 and records[1][1] == SOA and records[1] != final
            wanted = 3 if incremental else 2  # an IXFR's last addition begins with the same SOA (RFC 1995 §4)
            if len(records) == 1 and request[-4:-2] != b"\0\xfc" and struct.unpack(">H", request[8:10])[0]:
                return records  # IXFR to one who is up to date
            if records[-1] == final and sum(record == final for record in records) == wanted:
                return records


def apply(zone, records):
    """The zone (a set of records) after a transfer."""
    if len(records) == 1:
        return set(zone)
    if records[1][1] != SOA or records[1] == records[0]:
        return set(records)
    zone, adding = set(zone), True
    for record in records[1:-1]:
        if record[1] == SOA:
            adding = not adding
        if adding:
            assert record not in zone, f"adds what is there: {record}"
            zone.add(record)
        else:
            assert record in zone, f"deletes what is not there: {record}"
            zone.remove(record)
    return zone
