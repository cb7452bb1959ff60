"""Floods of what a name server has no use for: they cost no memory and no descriptor, and everybody else is answered meanwhile.

How long the answers take then, tests/bench/flood measures.
"""
import os
import socket
import struct

import dns.message
import dns.rcode
import floods
import pytest
import roost
from test_hostile import BURST, Udp, connect, framed, still_well

ROUNDS = 3 if roost.SANITIZED else 15
# Octets that a flood may leave: less than ten a message. Sanitizers keep what is freed.
GROWTH_MAX = 64 << 20 if roost.SANITIZED else 256 << 10


def resident(server):
    with open(f"/proc/{server.popen.pid}/statm", encoding="ascii") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def descriptors(server):
    return len(os.listdir(f"/proc/{server.popen.pid}/fd"))


def check_answered(home, udp):
    """Somebody else's question, on a socket of its own."""
    answer = dns.message.from_wire(udp.ask(dns.message.make_query(home.host, "A", id=77).to_wire()))
    assert answer.id == 77 and answer.rcode() == dns.rcode.NOERROR and answer.answer, answer


def flood_by_udp(home, packets, other):
    """Every burst comes from a new socket."""
    for start in range(0, len(packets), BURST):
        with Udp(home.server) as udp:
            udp.exchange(packets[start:start + BURST])
        check_answered(home, other)


def flood_by_tcp(home, packets, other):
    """One connection a message: some read what comes, some are reset with it."""
    for number, packet in enumerate(packets):
        with connect(home.server) as stream:
            if number % 2:
                stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            try:
                stream.sendall(framed(packet))
                if not number % 2:
                    stream.shutdown(socket.SHUT_WR)
                    while stream.recv(65536):
                        pass
            except ConnectionError:
                pass
        if number % BURST == 0:
            check_answered(home, other)


def check_flat(home, flood, packets):
    """The first round fills what is kept for use; from then on it must be enough."""
    with Udp(home.server) as other:
        flood(home, packets, other)
        still_well(home)
        memory, files = resident(home.server), descriptors(home.server)
        for _ in range(ROUNDS):
            flood(home, packets, other)
        still_well(home)
        assert resident(home.server) - memory < GROWTH_MAX
        roost.wait_until(lambda: descriptors(home.server) <= files, what="descriptors closed")


@pytest.fixture(name="home")
def one_worker():
    """Its descriptors are those of its sockets, whatever the number of cores."""
    home = roost.Home(workers=1)
    still_well(home)
    return home


def test_datagrams(home):
    before = home.serial()
    packets = [packet for messages in floods.kinds(home.zone, home.key).values() for packet in messages]
    check_flat(home, flood_by_udp, packets)
    assert home.serial() == before


def test_connections(home):
    before = home.serial()
    packets = [packet for messages in floods.kinds(home.zone, home.key).values() for packet in messages[:8]]
    packets += [packet for messages in floods.large().values() for packet in messages]
    check_flat(home, flood_by_tcp, packets)
    assert home.serial() == before
