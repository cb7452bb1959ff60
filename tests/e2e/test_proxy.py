"""PROXY headers, version 2 (server/net/proxy.h), by UDP and TCP, from those who may send them and from others."""
import socket
import struct
import time

import dns.message
import dns.rcode
import dns.update
import pytest
import roost
from flood import Client, ask, check_limited, close_all, connect_from, is_closed, query
from test_hostile import connect, framed, receive

RATE = 20
SLOW_S = 1  # the read time-out, as configured here
SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"


def proxy_header(client="192.0.2.77", port=4711, command=1, tail=b"", tcp=False):
    """As proxies send them: before a datagram, or once on a connection."""
    v6 = ":" in client
    family = socket.AF_INET6 if v6 else socket.AF_INET
    addresses = socket.inet_pton(family, client) + socket.inet_pton(family, "2001:db8::53" if v6 else "198.51.100.53")
    rest = addresses + struct.pack("!HH", port, 53) + tail
    return SIGNATURE + bytes([0x20 | command, (0x20 if v6 else 0x10) | (1 if tcp else 2)]) + struct.pack("!H", len(rest)) + rest


def proxied_home(*args, **more):
    return roost.Home("--proxy-trusted", "127.0.0.1", *args, **more)


def refused_update(home):
    """An unsigned UPDATE: refused, with a line in the log that says who."""
    update = dns.update.UpdateMessage(home.zone)
    update.add("x", 60, "A", "192.0.2.1")
    return update.to_wire()


@pytest.mark.parametrize("client", ["192.0.2.77", "2001:db8::77"])
def test_proxied_datagrams(client):
    home = proxied_home()
    with Client(home, proxy_header(client)) as proxy:
        assert proxy.flood(home.zone, "SOA", 3).whole == 3
        answer = dns.message.from_wire(proxy.exchange([refused_update(home)])[0])
        assert answer.rcode() == dns.rcode.REFUSED
        assert f"from {client}@4711 (udp)" in home.server.text()
    with Client(home, proxy_header(client, tail=b"\x04\0\3abc")) as proxy:
        assert proxy.flood(home.zone, "SOA", 1).whole == 1
    with Client(home, proxy_header(client, command=0)) as proxy:
        assert proxy.flood(home.zone, "SOA", 1).whole == 1
    with Client(home) as direct:
        assert direct.flood(home.zone, "SOA", 1).whole == 1


def test_proxied_update():
    """The answer after the commit goes to the proxy; history has the client."""
    home = proxied_home()
    update = dns.update.UpdateMessage(home.zone)
    update.add("proxied", 60, "A", "192.0.2.1")
    update.use_tsig(home.key.dnspython())
    with Client(home, proxy_header()) as proxy:
        proxy.socket.send(proxy.proxy + update.to_wire())
        answer = proxy.socket.recv(65535)
        assert answer[3] & 15 == dns.rcode.NOERROR
    assert roost.values(home.server, f"proxied.{home.zone}") == ["192.0.2.1"]
    assert "192.0.2.77@4711" in home.server.ctl("log", home.zone, "--json").stdout


def test_proxied_clients_are_limited():
    """By the address that the proxy tells, without force: it is a public one."""
    home = proxied_home("--rate-limit-answers", RATE, workers=1)
    with Client(home, proxy_header("192.0.2.77")) as client:
        started = time.monotonic()
        check_limited(client.flood(home.zone, "SOA"), started, RATE)
    with Client(home, proxy_header("192.0.3.77")) as client:
        assert client.flood(home.zone, "SOA", RATE).whole == RATE
    assert "192.0.2.0/24" in home.server.text()


BAD_HEADERS = {
    "version 1": SIGNATURE + b"\x11\x12" + proxy_header()[14:],
    "a command that is not there": SIGNATURE + b"\x22\x12" + proxy_header()[14:],
    "a UNIX socket": SIGNATURE + b"\x21\x31" + proxy_header()[14:],
    "addresses cut off": SIGNATURE + b"\x21\x12\0\x0b" + bytes(11),
    "IPv6 in too few octets": SIGNATURE + b"\x21\x22" + proxy_header()[14:],
    "half a TLV": proxy_header(tail=b"\x04\0"),
    "a TLV longer than the header": proxy_header(tail=b"\x04\0\4abc"),
    "longer than what comes": SIGNATURE + b"\x21\x12\x07\xf0" + bytes(12),
}


@pytest.mark.parametrize("bad", BAD_HEADERS.values(), ids=BAD_HEADERS.keys())
def test_bad_headers(bad):
    home = proxied_home("--tcp-read-timeout", f"{SLOW_S}s")
    with Client(home) as proxy:
        assert proxy.exchange([bad + query(home.zone, "SOA"), bad]) == []
        for length in range(len(bad)):
            proxy.exchange([bad[:length]])
    with connect(home.server) as stream:
        stream.sendall(bad + framed(query(home.zone, "SOA")))
        assert is_closed(stream)
    assert home.serial() is not None


def test_headers_of_strangers():
    """From an address that is not trusted they are octets without meaning: nothing in them is believed."""
    home = proxied_home("--tcp-read-timeout", f"{SLOW_S}s")
    home.server.ctl("grant", "add", home.zone, "transfer", "--from", "192.0.2.0/24")
    packet = proxy_header() + query(home.zone, "SOA")
    with Client(home, source="127.0.0.2") as client:
        for answer in client.exchange([packet, proxy_header() + refused_update(home)]):
            assert answer[3] & 15 in (dns.rcode.FORMERR, dns.rcode.NOTIMP)
            assert len(answer) <= len(packet)
    with connect_from(home, "127.0.0.2") as stream:
        stream.sendall(proxy_header(tcp=True) + framed(query(home.zone, "AXFR")))
        assert is_closed(stream)
    assert "192.0.2.77" not in home.server.text()
    assert home.serial() is not None


def proxied_connection(home, header):
    stream = connect(home.server)
    stream.sendall(header)
    return stream


def test_proxied_connections():
    """The client's address decides who may transfer; the header may come in pieces; one header a connection."""
    home = proxied_home()
    home.server.ctl("grant", "add", home.zone, "transfer", "--from", "192.0.2.0/24")
    axfr = framed(query(home.zone, "AXFR"))
    for client, rcode in (("192.0.2.77", dns.rcode.NOERROR), ("192.0.3.77", dns.rcode.REFUSED)):
        with proxied_connection(home, proxy_header(client, tcp=True)) as stream:
            stream.sendall(axfr)
            assert dns.message.from_wire(receive(stream)).rcode() == rcode
    with connect(home.server) as stream:
        stream.sendall(axfr)
        assert dns.message.from_wire(receive(stream)).rcode() == dns.rcode.REFUSED
    with connect(home.server) as stream:
        for octet in proxy_header("2001:db8::77", tcp=True, tail=b"\xe0\0\1x") + framed(query(home.zone, "SOA")):
            stream.sendall(bytes([octet]))
            time.sleep(0.001)
        assert dns.message.from_wire(receive(stream)).answer
        assert ask(stream, home, 2)
    with proxied_connection(home, proxy_header(command=0, tcp=True)) as stream:
        assert ask(stream, home)
    with proxied_connection(home, proxy_header(tcp=True)) as stream:
        stream.sendall(framed(refused_update(home)))
        assert receive(stream)[3] & 15 == dns.rcode.REFUSED
        assert "from 192.0.2.77@4711 (tcp)" in home.server.text()


def test_proxied_connections_are_counted_by_client():
    home = proxied_home("--tcp-per-address", 2, workers=1)
    streams = [proxied_connection(home, proxy_header(f"192.0.2.{i}", tcp=True)) for i in range(1, 5)]
    assert all(ask(stream, home) for stream in streams)
    more = [proxied_connection(home, proxy_header("192.0.2.1", tcp=True)) for _ in range(2)]
    assert all(ask(stream, home) for stream in more)
    assert is_closed(streams[0])
    assert all(ask(stream, home) for stream in streams[1:] + more)
    close_all(streams + more)


def test_half_a_header():
    home = proxied_home("--tcp-read-timeout", f"{SLOW_S}s", "--tcp-idle", "60s")
    with proxied_connection(home, proxy_header(tcp=True)[:20]) as stream:
        started = time.monotonic()
        assert is_closed(stream)
        assert time.monotonic() - started >= SLOW_S / 2
    with proxied_connection(home, proxy_header(tcp=True)[:20]) as stream:
        stream.shutdown(socket.SHUT_WR)
        assert is_closed(stream)
