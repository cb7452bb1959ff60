"""EDNS options of a running roostd: cookies (also shared with BIND and Knot), NSID, EXPIRE, tcp-keepalive, ZONEVERSION, extended
errors; and what it says of itself in class CHAOS."""
import os
import signal
import struct

import dns.edns
import dns.flags
import dns.message
import dns.query
import dns.rcode
import dns.rrset
import dns.update
import peers
import roost

NSID, EXPIRE, COOKIE, KEEPALIVE, EDE, ZONEVERSION = 3, 9, 10, 11, 15, 19
PROHIBITED, NOT_AUTHORITATIVE, NOT_SUPPORTED = 18, 20, 21
CLIENT = bytes.fromhex("2464c4abcf10c957")
SECRET, NEXT = "e5e973e5a6b2a43f48e7dc849e37bfcf", "445536bcd2513298075a5d379663c962"


def question(name="home.example", rdtype="SOA", options=(), rdclass="IN", payload=1232):
    """A question with EDNS; `options` maps codes to their octets."""
    options = [dns.edns.GenericOption(code, data) for code, data in dict(options).items()]
    return dns.message.make_query(name, rdtype, rdclass, use_edns=0, payload=payload, options=options)


def ask(server, message, tcp=False):
    send = dns.query.tcp if tcp else dns.query.udp
    return send(message, server.address, port=server.port, timeout=roost.PATIENCE)


def given(answer):
    """The answer's options as a dict from code to octets; each code stands there once."""
    found = [(int(option.otype), option.to_wire()) for option in answer.options]
    assert len(dict(found)) == len(found)
    return dict(found)


def cookie_of(server, client=CLIENT):
    return given(ask(server, question(options={COOKIE: client})))[COOKIE]


def error_of(answer):
    """The code of the extended error, None when there is none."""
    data = given(answer).get(EDE)
    return data and struct.unpack("!H", data[:2])[0]


# ---- Cookies ----

def test_cookie_is_given_and_taken():
    server = roost.Home().server
    cookie = cookie_of(server)
    assert len(cookie) == 24 and cookie[:8] == CLIENT and cookie[8:12] == b"\1\0\0\0"
    answer = ask(server, question(options={COOKIE: cookie}))
    assert given(answer) == {COOKIE: cookie} and answer.answer  # young: the same again
    assert "(good)" in roost.dig(server, "+cookie", "home.example", "SOA")
    assert given(ask(server, question())) == {}
    assert ask(server, dns.message.make_query("home.example", "SOA")).edns < 0


def test_wrong_cookie_is_renewed():
    server = roost.Home().server
    for wrong in (CLIENT + b"x" * 16, CLIENT + b"x" * 8, CLIENT + b"x" * 32):
        answer = ask(server, question(options={COOKIE: wrong}))
        assert answer.rcode() == dns.rcode.NOERROR and answer.answer
        renewed = given(answer)[COOKIE]
        assert len(renewed) == 24 and renewed[:8] == CLIENT and renewed != wrong


def test_malformed_cookie():
    """RFC 7873 §5.2.2."""
    server = roost.Home().server
    for length in (0, 1, 7, 9, 15, 41, 100):
        for tcp in (False, True):
            answer = ask(server, question(options={COOKIE: b"x" * length}), tcp)
            assert answer.rcode() == dns.rcode.FORMERR and not answer.answer, length
    assert ask(server, question()).rcode() == dns.rcode.NOERROR


def test_question_for_a_cookie_alone():
    """RFC 7873 §5.4: no question section."""
    server = roost.Home().server

    def bare(cookie):
        message = question(options={COOKIE: cookie})
        message.question = []
        return ask(server, message)

    answer = bare(CLIENT)
    cookie = given(answer)[COOKIE]
    assert answer.rcode() == dns.rcode.NOERROR and not answer.answer and not answer.question
    assert bare(cookie).rcode() == dns.rcode.NOERROR
    wrong = bare(CLIENT + b"x" * 16)
    assert wrong.rcode() == dns.rcode.BADCOOKIE and len(given(wrong)[COOKIE]) == 24
    message = question()
    message.question = []
    assert ask(server, message).rcode() == dns.rcode.FORMERR


def test_required_cookie():
    server = roost.Home("--cookies-require=yes").server
    for cookie in (CLIENT, CLIENT + b"x" * 16):
        answer = ask(server, question(options={COOKIE: cookie}))
        assert answer.rcode() == dns.rcode.BADCOOKIE and not answer.answer
        good = given(answer)[COOKIE]
        assert ask(server, question(options={COOKIE: good})).rcode() == dns.rcode.NOERROR
        assert ask(server, question(options={COOKIE: cookie}), tcp=True).rcode() == dns.rcode.NOERROR
    assert ask(server, question()).rcode() == dns.rcode.NOERROR  # knows of no cookies
    assert "status: NOERROR" in roost.dig(server, "home.example", "SOA")  # dig asks again with the cookie it got


def test_no_cookies():
    server = roost.Home("--cookies-enabled=no").server
    for data in (CLIENT, b"x"):  # an option we do not have may be anything
        answer = ask(server, question(options={COOKIE: data}))
        assert answer.rcode() == dns.rcode.NOERROR and given(answer) == {}


def write_secrets(path, *secrets):
    with open(path, "w", encoding="utf-8") as out:
        out.write("# shared\n" + "".join(f"{secret}\n" for secret in secrets))
    os.chmod(path, 0o600)


def test_secret_file_and_rollover():
    home = roost.Home(start=False)
    server = home.server
    path = os.path.join(server.directory, "cookies")
    write_secrets(path, SECRET)
    server.args = ["--cookies-require=yes", "--cookies-secret-file", path]
    server.start()

    def taken(cookie):
        return ask(server, question(options={COOKIE: cookie})).rcode() == dns.rcode.NOERROR

    def reload(*secrets):
        write_secrets(path, *secrets)
        lines = server.text().count("SIGHUP")
        server.popen.send_signal(signal.SIGHUP)
        roost.wait_until(lambda: server.text().count("SIGHUP") > lines)

    old = cookie_of(server)
    server.restart()
    assert taken(old)
    reload(SECRET, NEXT)
    assert taken(old) and taken(cookie_of(server))
    reload(NEXT, SECRET)
    renewed = given(ask(server, question(options={COOKIE: old})))[COOKIE]
    assert taken(old) and renewed != old  # RFC 7873 §7.1: taken, but a new one is given
    reload(NEXT)
    assert not taken(old) and taken(renewed)
    reload("nonsense")
    assert "not a secret" in server.text() and taken(renewed)


def test_secret_file_mistakes():
    home = roost.Home(start=False)
    roostd = os.path.join(roost.BUILD, "roostd")
    path = os.path.join(home.server.directory, "cookies")
    argv = [roostd, "-d", home.db, "-l", f"127.0.0.1@{home.server.port}", "--cookies-secret-file", path]
    assert path in roost.run(argv, status=1).stderr
    write_secrets(path, "00")
    assert f"{path}:2: not a secret" in roost.run(argv, status=1).stderr


class BindWithCookies(peers.BindPrimary):
    def configure(self):
        return super().configure().replace("recursion no;", f'recursion no; require-server-cookie yes; '
                                                             f'cookie-algorithm siphash24; cookie-secret "{SECRET}";')


class KnotWithCookies(peers.KnotPrimary):
    def configure(self):
        return super().configure().replace("template:\n  - id: default\n", f"""
mod-cookies:
  - id: shared
    secret: 0x{SECRET}
    badcookie-slip: 1
template:
  - id: default
    global-module: mod-cookies/shared
""")


def test_secret_shared_with_others():
    """RFC 9018: with one secret, each takes the others' cookies."""
    home = roost.Home(start=False)
    zone = os.path.join(home.server.directory, "home.zone")
    with open(zone, "w", encoding="utf-8") as out:
        out.write(roost.roostctl(home.db, "zone", "export", home.zone).stdout)
    path = os.path.join(home.server.directory, "cookies")
    write_secrets(path, SECRET)
    home.server.args = ["--cookies-require=yes", "--cookies-secret-file", path]
    zones = {home.zone: zone}
    servers = [home.server.start(), BindWithCookies(zones), KnotWithCookies(zones)]
    for maker in servers:
        answer = ask(maker, question(options={COOKIE: CLIENT}))
        assert answer.rcode() == dns.rcode.BADCOOKIE, maker.name
        for taker in servers:
            answer = ask(taker, question(options={COOKIE: given(answer)[COOKIE]}))
            assert answer.rcode() == dns.rcode.NOERROR, (maker.name, taker.name)


# ---- Of the server and the zone ----

def test_identity():
    server = roost.Home("--identity-id=ns1 of home", "--identity-version=Roost").server
    assert given(ask(server, question(options={NSID: b""})))[NSID] == b"ns1 of home"
    assert given(ask(server, question(options={NSID: b"ignored"})))[NSID] == b"ns1 of home"
    assert NSID not in given(ask(server, question()))
    assert '("ns1 of home")' in roost.dig(server, "+nsid", "nothing.home.example")
    assert '"ns1 of home"' in roost.run(["kdig", f"@{server.address}", "-p", server.port, "+nsid", "home.example"]).stdout
    for name, text in (("id.server", "ns1 of home"), ("hostname.bind", "ns1 of home"),
                       ("version.bind", "Roost"), ("VERSION.Server", "Roost")):
        for rdtype in ("TXT", "ANY"):
            answer = ask(server, question(name, rdtype, rdclass="CH"))
            expected = dns.rrset.from_text(name + ".", 0, "CH", "TXT", f'"{text}"')
            assert answer.rcode() == dns.rcode.NOERROR and answer.flags & dns.flags.AA and answer.answer == [expected]
    for name, rdtype in (("authors.bind", "TXT"), ("version.bind", "A"), ("home.example", "SOA")):
        answer = ask(server, question(name, rdtype, rdclass="CH"))
        assert answer.rcode() == dns.rcode.REFUSED and not answer.answer


def test_no_identity():
    server = roost.Home().server
    assert given(ask(server, question(options={NSID: b""}))) == {}
    for name in ("id.server", "hostname.bind", "version.bind", "version.server"):
        answer = ask(server, question(name, "TXT", rdclass="CH"))
        assert answer.rcode() == dns.rcode.REFUSED and not answer.answer


def test_expire():
    """RFC 7314 §3.1: from a primary the SOA's, for the questions of secondaries."""
    home = roost.Home()
    server = home.server
    assert given(ask(server, question(options={EXPIRE: b""})))[EXPIRE] == struct.pack("!I", 1209600)
    assert "EXPIRE: 1209600" in roost.dig(server, "+expire", "home.example", "SOA")
    for name, rdtype in (("home.example", "NS"), ("home.home.example", "SOA"), ("other.example", "SOA")):
        assert EXPIRE not in given(ask(server, question(name, rdtype, {EXPIRE: b""})))
    message = question(rdtype="AXFR", options={EXPIRE: b"", COOKIE: CLIENT})
    message.use_tsig(home.key.dnspython())
    answer = ask(server, message, tcp=True)
    assert answer.answer and given(answer)[EXPIRE] == struct.pack("!I", 1209600)


def test_zoneversion():
    """RFC 9660 §3.2: the version of the question's zone, also in referrals, NXDOMAIN and NODATA."""
    home = roost.Home()
    home.update("update add sub.home.example 60 NS ns.elsewhere.example", "update add alias.home.example 60 CNAME x.other.example")
    home.update("update add www.home.example 60 A 192.0.2.1")
    expected = struct.pack("!BBI", 2, 0, home.serial())
    for name in ("home.example", "www.home.example", "nothing.home.example", "x.sub.home.example", "alias.home.example"):
        for tcp in (False, True):
            assert given(ask(home.server, question(name, "A", {ZONEVERSION: b""}), tcp)) == {ZONEVERSION: expected}, name
    assert ZONEVERSION not in given(ask(home.server, question("other.example", "A", {ZONEVERSION: b""})))
    message = question(rdtype="AXFR", options={ZONEVERSION: b""})
    message.use_tsig(home.key.dnspython())
    assert given(ask(home.server, message, tcp=True)) == {ZONEVERSION: expected}
    assert ask(home.server, question(options={ZONEVERSION: b"\2\0\0\0\0\1"})).rcode() == dns.rcode.FORMERR


def test_keepalive():
    """RFC 7828 §3.3: told over TCP, ignored over UDP."""
    server = roost.Home("--tcp-idle=4500ms").server
    assert given(ask(server, question(options={KEEPALIVE: b""}), tcp=True))[KEEPALIVE] == struct.pack("!H", 45)
    assert "TCP KEEPALIVE: 4.5 secs" in roost.dig(server, "+tcp", "+keepalive", "home.example", "SOA")
    assert given(ask(server, question(), tcp=True)) == {}
    assert given(ask(server, question(options={KEEPALIVE: b"\0\1"}), tcp=True))[KEEPALIVE] == struct.pack("!H", 45)
    for data in (b"", b"\0\1"):
        answer = ask(server, question(options={KEEPALIVE: data}))
        assert answer.rcode() == dns.rcode.NOERROR and given(answer) == {}


# ---- Extended errors ----

def test_extended_errors():
    home = roost.Home()
    server = home.server
    for name, rdtype, rdclass, rcode, error in (
            ("other.example", "A", "IN", dns.rcode.REFUSED, NOT_AUTHORITATIVE),
            ("home.example", "A", "HS", dns.rcode.REFUSED, NOT_SUPPORTED),
            ("version.bind", "TXT", "CH", dns.rcode.REFUSED, NOT_SUPPORTED),
            ("home.example", "MAILA", "IN", dns.rcode.NOTIMP, NOT_SUPPORTED),
            ("home.example", "TKEY", "IN", dns.rcode.REFUSED, NOT_SUPPORTED),
            ("nothing.home.example", "A", "IN", dns.rcode.NXDOMAIN, None)):
        answer = ask(server, question(name, rdtype, rdclass=rdclass))
        assert (answer.rcode(), error_of(answer)) == (rcode, error), (name, rdtype)
    for name, rcode, error in (("home.example", dns.rcode.REFUSED, PROHIBITED),
                               ("other.example", dns.rcode.NOTAUTH, NOT_AUTHORITATIVE)):
        answer = ask(server, question(name, "AXFR"), tcp=True)
        assert (answer.rcode(), error_of(answer)) == (rcode, error), name
        update = dns.update.UpdateMessage(name)
        update.add("x", 60, "A", "192.0.2.1")
        assert not ask(server, update).options  # no EDNS in the request: none in the answer
        update.use_edns(0)
        answer = ask(server, update)
        assert (answer.rcode(), error_of(answer)) == (rcode, error), name


def test_update_beyond_its_grant():
    """Decided by the writer, after the request path has let it through."""
    home = roost.Home()
    key = roost.Key("narrow")
    home.server.ctl("key", "add", key.name, "--secret", key.secret)
    home.server.ctl("grant", "add", home.zone, "update", "--key", key.name, "--name", "only.home.example")
    update = dns.update.UpdateMessage(home.zone)
    update.add("x", 60, "A", "192.0.2.1")
    update.use_edns(0, options=[dns.edns.GenericOption(COOKIE, CLIENT)])
    update.use_tsig(key.dnspython())
    answer = ask(home.server, update)
    assert (answer.rcode(), error_of(answer)) == (dns.rcode.REFUSED, PROHIBITED)
    assert len(given(answer)[COOKIE]) == 24


def test_everything_in_512_octets():
    """With little room records give way to what was asked for, and the answer says so by TC."""
    server = roost.Home(f"--identity-id={'x' * 128}").server
    options = {NSID: b"", EXPIRE: b"", COOKIE: CLIENT, ZONEVERSION: b""}
    long_name = ".".join(["a" * 63] * 3 + ["b" * 40, "home.example"])
    for name in ("home.example", long_name):
        answer = ask(server, question(name, options=options, payload=512))
        assert len(answer.to_wire()) <= 512 and set(given(answer)) >= {NSID, COOKIE, ZONEVERSION}
    assert answer.rcode() == dns.rcode.NXDOMAIN
