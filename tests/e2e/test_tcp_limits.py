"""Limits of TCP connections: of one address, of all, and of clients that are slow to write or to read."""
import os
import re
import socket
import time

import roost
from flood import ask, close_all, connect_from, is_closed, query
from test_hostile import connect, framed, receive

SLOW_S = 1  # the time-outs of slow clients, as configured here
SOON_S = 4 if not roost.SANITIZED else 12  # well over SLOW_S and the server's look around, well under the other time-outs


def test_connections_of_an_address():
    """Its own longest idle makes room, nobody else's."""
    home = roost.Home("--tcp-per-address", 4, workers=1)
    other = connect_from(home, "127.0.0.2")
    streams = []
    for _ in range(6):
        streams.append(connect(home.server))
        assert ask(streams[-1], home)
    assert is_closed(streams[0]) and is_closed(streams[1])
    assert all(ask(stream, home) for stream in streams[2:])
    assert ask(other, home)
    assert "tcp_closed.evicted 2" in re.sub(" +", " ", home.server.ctl("stats").stdout)
    close_all(streams + [other])


def test_too_many_of_one_do_not_push_out_others():
    """All places are taken: who has his share already gets a new one only for an old one of his."""
    home = roost.Home("--tcp-connections", 4, "--tcp-per-address", 2, workers=1)
    others = [connect_from(home, f"127.0.0.{i}") for i in (2, 3)]
    assert all(ask(stream, home) for stream in others)
    streams = []
    for _ in range(6):
        streams.append(connect(home.server))
        assert ask(streams[-1], home)
    assert all(is_closed(stream) for stream in streams[:4])
    assert all(ask(stream, home) for stream in others + streams[4:])
    close_all(streams + others)


def test_the_longest_idle_makes_room():
    home = roost.Home("--tcp-connections", 4, "--tcp-per-address", 0, workers=1)
    streams = [connect(home.server) for _ in range(4)]
    assert all(ask(stream, home) for stream in streams)
    assert ask(streams[0], home)
    streams.append(connect_from(home, "127.0.0.2"))
    assert ask(streams[4], home)
    assert is_closed(streams[1])
    assert all(ask(streams[i], home) for i in (0, 2, 3, 4))
    close_all(streams)


def test_half_a_message():
    """It must become whole within the read time-out, however it trickles in; a connection that only rests is left alone."""
    home = roost.Home("--tcp-read-timeout", f"{SLOW_S}s", "--tcp-idle", "60s")
    resting, half, trickling = connect(home.server), connect(home.server), connect(home.server)
    message = framed(query(home.zone, "SOA") + b"\0" * 200)
    assert ask(resting, home) and ask(half, home)
    started = time.monotonic()
    half.sendall(message[:20])
    closed = False
    for octet in message[:100]:
        try:
            trickling.sendall(bytes([octet]))
        except ConnectionError:
            closed = True
        if closed or is_closed(trickling, 0.1):
            closed = True
            break
    assert closed and is_closed(half)
    assert SLOW_S <= time.monotonic() - started <= SLOW_S + SOON_S
    assert ask(resting, home)
    close_all([resting, half, trickling])


def descriptors(server):
    return len(os.listdir(f"/proc/{server.popen.pid}/fd"))


def test_a_slow_reader():
    """Who takes an octet now and then does not keep what waits for him for ever."""
    home = roost.Home("--tcp-write-timeout", f"{SLOW_S}s", "--tcp-idle", "60s", workers=1)
    for part in range(0, 60, 20):  # 15 KB an answer
        home.update(*(f"update add big.{home.zone} 60 TXT {part + i:03}{'x' * 240}" for i in range(20)))
    before = descriptors(home.server)
    stream = socket.socket()
    stream.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    stream.connect((home.server.address, home.server.port))
    stream.setblocking(False)
    questions = framed(query(f"big.{home.zone}", "TXT")) * 1500
    end = time.monotonic() + roost.PATIENCE
    gone = False
    while not gone:
        assert time.monotonic() < end, "the slow reader is still there"
        try:
            questions = questions[stream.send(questions):] if questions else questions
        except BlockingIOError:
            pass
        except ConnectionError:
            break
        try:
            stream.recv(1)
        except BlockingIOError:
            pass
        except ConnectionError:
            break
        time.sleep(0.05)
        gone = not questions and descriptors(home.server) <= before
    roost.wait_until(lambda: descriptors(home.server) <= before, what="the connection's end")
    stream.close()
    with connect(home.server) as quick:
        assert ask(quick, home)


def test_a_reader_that_takes_its_time():
    """Slow, but within the time-out for each part: it gets everything."""
    home = roost.Home("--tcp-write-timeout", "10s", workers=1)
    for part in range(0, 60, 20):
        home.update(*(f"update add big.{home.zone} 60 TXT {part + i:03}{'x' * 240}" for i in range(20)))
    count = 300
    with connect(home.server) as stream:
        stream.settimeout(roost.PATIENCE)
        stream.sendall(framed(query(f"big.{home.zone}", "TXT")) * count)
        for i in range(count):
            if i % 30 == 0:
                time.sleep(0.1)
            assert len(receive(stream)) > 14000
