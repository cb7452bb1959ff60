"""HTTP as such: connections, limits, deadlines, proxies and TLS, before any dialect of DDNS."""
import http.client
import os
import socket
import ssl
import struct
import subprocess
import time

import pytest

import roost


class Server:
    """roostd with a plain and a TLS listener, and a certificate made for it."""

    def __init__(self, directory, *args):
        self.certificate, self.key = os.path.join(directory, "chain.pem"), os.path.join(directory, "key.pem")
        self.port, self.tls_port = roost.free_port(), roost.free_port()
        self.renew("first")
        db = os.path.join(directory, "roost.db")
        roost.roostctl(db, "init", "home.example")
        self.roostd = roost.Roostd(db, "--http", f"127.0.0.1@{self.port}", "--https", f"127.0.0.1@{self.tls_port}",
                                   "--http-certificate", self.certificate, "--http-key", self.key, *args)

    def renew(self, name):
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "9",
                        "-subj", f"/CN={name}", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", self.key + ".new", "-out",
                        self.certificate + ".new"], check=True, capture_output=True)
        os.rename(self.key + ".new", self.key)
        os.rename(self.certificate + ".new", self.certificate)

    def connect(self):
        return socket.create_connection(("127.0.0.1", self.port), timeout=roost.PATIENCE)

    def raw(self, octets):
        """All that the server says to these octets until it closes."""
        with self.connect() as s:
            s.sendall(octets)
            return read_all(s)


def read_all(s):
    said = b""
    while True:
        part = s.recv(65536)
        if not part:
            return said
        said += part


@pytest.fixture
def server(tmp_path):
    return Server(str(tmp_path))


def ask(connection, method, target, **fields):
    connection.request(method, target, headers=fields)
    reply = connection.getresponse()
    return reply.status, reply.read().decode()


def test_address(server):
    plain = http.client.HTTPConnection("127.0.0.1", server.port, timeout=roost.PATIENCE)
    for target in ("/ip", "/myip", "//nic//checkip", "/ip/?x=y"):
        assert ask(plain, "GET", target) == (200, "127.0.0.1\n")
    assert ask(plain, "GET", "/checkip")[1].find("Current IP Address: 127.0.0.1<") > 0
    assert ask(plain, "HEAD", "/ip") == (200, "")
    assert ask(plain, "GET", "/healthz") == (200, "ok\n")
    assert ask(plain, "GET", "/readyz") == (200, "ready\n")
    assert ask(plain, "GET", "/nothing")[0] == 404
    assert ask(plain, "POST", "/ip")[0] == 405


def test_old_and_odd_requests(server):
    for request in (b"GET /ip HTTP/1.0\r\n\r\n", b"GET ip HTTP/1.0\n\n", b"GET //ip HTTP/1.1\r\nConnection: close\r\n\r\n",
                    b"GET http://x/ip HTTP/1.0\r\nHost: y\r\n\r\n"):
        head, body = server.raw(request).split(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 OK\r\n") and b"Content-Length: 10" in head and b"chunked" not in head
        assert body == b"127.0.0.1\n"


def test_several_requests_at_once_are_answered_in_order(server):
    said = server.raw(b"GET /ip HTTP/1.1\r\n\r\nGET /healthz HTTP/1.1\r\n\r\nGET /no HTTP/1.1\r\nConnection: close\r\n\r\n")
    assert [part.split(b"\r\n")[0] for part in said.split(b"HTTP/1.1 ")[1:]] == [b"200 OK", b"200 OK", b"404 Not Found"]
    assert said.index(b"127.0.0.1\n") < said.index(b"ok\n") < said.index(b"Not Found\n")


@pytest.mark.parametrize("octets, status", [
    (b"GET /ip\r\n\r\n", 400),
    (b"GET /ip HTTP/3.0\r\n\r\n", 505),
    (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 \n\n", 400),
    (b"GET /%00 HTTP/1.0\r\n\r\n", 400),
    (b"GET /" + 9000 * b"a" + b" HTTP/1.1\r\nConnection: close\r\n\r\n", 413),
    (b"GET /ip HTTP/1.1\r\nX: " + 20000 * b"a" + b"\r\n\r\n", 431),
    (b"GET /ip HTTP/1.1\r\n" + 65 * b"A: b\r\n" + b"\r\n", 431),
    (b"POST /ip HTTP/1.1\r\nContent-Length: 99999999\r\n\r\n", 413),
    (b"POST /ip HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 411),
    (b"BREW /ip HTTP/1.1\r\nConnection: close\r\n\r\n", 405),
])
def test_what_cannot_be_is_refused_and_others_are_served(server, octets, status):
    plain = http.client.HTTPConnection("127.0.0.1", server.port, timeout=roost.PATIENCE)
    assert ask(plain, "GET", "/ip")[0] == 200
    assert server.raw(octets).startswith(b"HTTP/1.1 %d " % status)
    assert ask(plain, "GET", "/ip")[0] == 200


def test_slow_ones_are_told_and_idle_ones_closed(tmp_path):
    server = Server(str(tmp_path), "--http-request-timeout", "500ms", "--http-idle", "700ms")
    assert server.raw(b"GET /ip HTT").startswith(b"HTTP/1.1 408 ")
    assert server.raw(b"POST /ip HTTP/1.1\r\nContent-Length: 10\r\n\r\nabc").startswith(b"HTTP/1.1 408 ")
    assert server.raw(b"") == b""
    with server.connect() as s:  # one octet at a time does not win time
        s.sendall(b"GET /ip HTTP/1.1\r\n")
        with pytest.raises(OSError):
            for _ in range(1000):
                s.sendall(b"A: b\r\n")
                time.sleep(0.02)
    with server.connect() as s:
        s.sendall(b"GET /ip HTTP/1.1\r\n\r\n")
        assert read_all(s).startswith(b"HTTP/1.1 200 ")  # and then it was idle


def test_limits_of_connections(tmp_path):
    server = Server(str(tmp_path), "--http-connections", "20", "--http-per-address", "0")
    crowd = [server.connect() for _ in range(100)]
    plain = http.client.HTTPConnection("127.0.0.1", server.port, timeout=roost.PATIENCE)
    assert ask(plain, "GET", "/ip") == (200, "127.0.0.1\n")
    open_ones = 0
    for s in crowd:
        s.settimeout(0.05)
        try:
            open_ones += s.recv(1) != b""
        except TimeoutError:
            open_ones += 1
        except OSError:
            pass
        s.close()
    assert open_ones <= 20
    (tmp_path / "few").mkdir()
    few = Server(str(tmp_path / "few"), "--http-per-address", "3")
    held = [few.connect() for _ in range(3)]
    assert few.raw(b"") == b""
    held.pop().close()

    def served():
        try:
            return few.raw(b"GET /ip HTTP/1.0\r\n\r\n").endswith(b"127.0.0.1\n")
        except ConnectionResetError:  # refused with our octets unread
            return False

    roost.wait_until(served, what="room for one")


def test_ten_thousand_idle_connections_leave_room(tmp_path):
    server = Server(str(tmp_path), "--http-per-address", "0")
    held = []
    for _ in range(10000 if not roost.SANITIZED else 1500):
        try:
            held.append(server.connect())
        except OSError:
            break
        if len(held) > 1200:  # ours, not the server's, are what would run out
            held.pop(0).close()
    plain = http.client.HTTPConnection("127.0.0.1", server.port, timeout=roost.PATIENCE)
    assert ask(plain, "GET", "/ip") == (200, "127.0.0.1\n")
    fds = len(os.listdir(f"/proc/{server.roostd.popen.pid}/fd"))
    assert fds < 1100
    for s in held:
        s.close()


def proxy_header(client):
    addresses = socket.inet_aton(client) + socket.inet_aton("192.0.2.200") + struct.pack("!HH", 1234, 443)
    return b"\r\n\r\n\0\r\nQUIT\n\x21\x11" + struct.pack("!H", len(addresses)) + addresses


def test_proxies(tmp_path):
    server = Server(str(tmp_path), "--proxy-trusted", "127.0.0.0/8", "--proxy-trusted", "198.51.100.0/24")
    assert server.raw(proxy_header("192.0.2.7") + b"GET /ip HTTP/1.0\r\n\r\n").endswith(b"\r\n192.0.2.7\n")
    assert server.raw(b"GET /ip HTTP/1.0\r\n\r\n").endswith(b"\r\n127.0.0.1\n")
    with server.connect() as s:  # in pieces, and before TLS
        for octet in proxy_header("192.0.2.8"):
            s.sendall(bytes([octet]))
            time.sleep(0.001)
        s.sendall(b"GET /ip HTTP/1.0\r\n\r\n")
        assert read_all(s).endswith(b"\r\n192.0.2.8\n")
    context = ssl.create_default_context(cafile=server.certificate)
    with socket.create_connection(("127.0.0.1", server.tls_port), timeout=roost.PATIENCE) as s:
        s.sendall(proxy_header("192.0.2.9"))
        with context.wrap_socket(s, server_hostname="127.0.0.1") as tls:
            tls.sendall(b"GET /ip HTTP/1.0\r\n\r\n")
            assert read_all(tls).endswith(b"\r\n192.0.2.9\n")
    for forwarded, client in (("192.0.2.1", "192.0.2.1"), ("10.9.9.9, 192.0.2.1", "192.0.2.1"),
                              ("192.0.2.1, 198.51.100.7", "192.0.2.1"), ("2001:db8::1", "2001:db8::1"),
                              ("[2001:db8::2]:443", "2001:db8::2"), ("192.0.2.3:99", "192.0.2.3"), ("unknown", "127.0.0.1"),
                              ("192.0.2.1, junk", "127.0.0.1"), ("", "127.0.0.1"), (",", "127.0.0.1")):
        said = server.raw(b"GET /ip HTTP/1.0\r\nX-Forwarded-For: %s\r\n\r\n" % forwarded.encode())
        assert said.endswith(b"\r\n%s\n" % client.encode()), forwarded


def test_nobody_else_can_say_who_he_is(server):
    assert server.raw(b"GET /ip HTTP/1.0\r\nX-Forwarded-For: 192.0.2.1\r\n\r\n").endswith(b"\r\n127.0.0.1\n")
    assert server.raw(proxy_header("192.0.2.7") + b"GET /ip HTTP/1.0\r\n\r\n").startswith(b"HTTP/1.1 400 ")


def test_tls_and_a_new_certificate(server):
    context = ssl.create_default_context(cafile=server.certificate)
    secure = http.client.HTTPSConnection("127.0.0.1", server.tls_port, context=context, timeout=roost.PATIENCE)
    assert ask(secure, "GET", "/ip") == (200, "127.0.0.1\n")
    old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
    old.maximum_version = ssl.TLSVersion.TLSv1_2
    with socket.create_connection(("127.0.0.1", server.tls_port)) as s, old.wrap_socket(s) as tls:
        assert tls.version() == "TLSv1.2"
    with open(server.key, "w", encoding="ascii") as broken:
        broken.write("no key\n")
    roost.wait_until(lambda: "keeps its old certificate" in server.roostd.text(), 30, "a word about the broken key")
    server.renew("second")
    roost.wait_until(lambda: "has a new certificate" in server.roostd.text(), 30, "the new certificate")
    assert ask(secure, "GET", "/ip")[0] == 200  # the connection lives on
    renewed = ssl.create_default_context(cafile=server.certificate)
    again = http.client.HTTPSConnection("127.0.0.1", server.tls_port, context=renewed, timeout=roost.PATIENCE)
    assert ask(again, "GET", "/ip") == (200, "127.0.0.1\n")


def test_faults_at_the_start_are_said(tmp_path):
    db = str(tmp_path / "roost.db")
    roost.roostctl(db, "init", "home.example")

    def fault(*args):
        done = subprocess.run([os.path.join(roost.BUILD, "roostd"), "-d", db, "-l", f"127.0.0.1@{roost.free_port()}", *args],
                              capture_output=True, text=True, timeout=roost.PATIENCE, check=False)
        return done.returncode, done.stderr

    port = f"127.0.0.1@{roost.free_port()}"
    assert fault("--https", port)[0] == 2
    status, said = fault("--https", port, "--http-certificate", str(tmp_path / "none.pem"))
    assert status == 1 and "none.pem" in said
    (tmp_path / "junk.pem").write_text("junk\n")
    status, said = fault("--https", port, "--http-certificate", str(tmp_path / "junk.pem"))
    assert status == 1 and "junk.pem" in said
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        status, said = fault("--http", f"127.0.0.1@{taken.getsockname()[1]}")
        assert status == 1 and "127.0.0.1@" in said
