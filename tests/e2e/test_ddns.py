"""DDNS over HTTP: the dialects as their clients send them and read the answers, identities, and what goes into the zone."""
import base64
import hashlib
import http.client
import json
import urllib.parse

import pytest

import roost

ZONE = "home.example"


class Ddns:
    """roostd with a zone, a token for one host, and a password for all of them."""

    def __init__(self, directory, *args):
        db = str(directory / "roost.db")
        self.port = roost.free_port()
        roost.roostctl(db, "init", ZONE)
        said = roost.roostctl(db, "token", "add", "nas." + ZONE, "--zone", ZONE, "--url", "https://ddns.example").stdout
        self.token, self.recipes = said.split("\n", 1)
        roost.roostctl(db, "token", "add", "alice", "--password", input="s3cretwords\n")
        roost.roostctl(db, "grant", "add", ZONE, "update", "--key", "alice", "--name", "*." + ZONE, "--types", "A,AAAA,TXT")
        self.roostd = roost.Roostd(db, "--http", f"127.0.0.1@{self.port}", *args)

    def ask(self, target, user=None, method="GET", body=None, **fields):
        """Status and body; header fields with _ for -."""
        fields = {name.replace("_", "-"): value for name, value in fields.items()}
        if user:
            fields["Authorization"] = "Basic " + base64.b64encode(":".join(user).encode()).decode()
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=roost.PATIENCE)
        connection.request(method, target, body=body, headers=fields)
        self.reply = connection.getresponse()
        return self.reply.status, self.reply.read().decode()

    def update(self, query, user=None, **fields):
        return self.ask("/nic/update?" + query, user or ("nas", self.token), **fields)

    def addresses(self, name, kind="A"):
        answer = roost.query(self.roostd, f"{name}.{ZONE}", kind)
        return sorted(rr.to_text() for rrset in answer.answer for rr in rrset)

    def serial(self):
        return roost.serial(self.roostd, ZONE)


@pytest.fixture
def ddns(tmp_path):
    return Ddns(tmp_path)


ALICE = ("alice", "s3cretwords")


def test_dyndns2(ddns):
    assert ddns.update("hostname=nas.home.example&myip=192.0.2.2") == (200, "good 192.0.2.2")
    assert ddns.addresses("nas") == ["192.0.2.2"]
    serial = ddns.serial()
    assert ddns.update("hostname=nas.home.example&myip=192.0.2.2") == (200, "nochg 192.0.2.2")
    assert ddns.serial() == serial  # no version for nothing
    assert ddns.update("hostname=nas.home.example&myip=192.0.2.3,2001:DB8::5") == (200, "good 192.0.2.3,2001:DB8::5")
    assert ddns.addresses("nas") == ["192.0.2.3"] and ddns.addresses("nas", "AAAA") == ["2001:db8::5"]
    assert ddns.serial() == serial + 1  # both families in one
    assert ddns.update("hostname=nas.home.example&myip=192.0.2.3&ip6lanprefix=2001:db8:7::/64")[1].startswith("good ")
    assert ddns.addresses("nas", "AAAA") == ["2001:db8:7::5"]
    assert ddns.update("hostname=nas.home.example&myipv6=") == (200, "good")
    assert ddns.addresses("nas", "AAAA") == [] and ddns.addresses("nas") == ["192.0.2.3"]
    assert ddns.update("myip=192.0.2.4") == (200, "good 192.0.2.4")  # the only host of the token
    assert ddns.update("hostname=nas.home.example") == (200, "good 127.0.0.1")
    assert ddns.addresses("nas") == ["127.0.0.1"]
    assert ddns.update("hostname=nas.home.example&myip=192.0.2.300") == (200, "dnserr")
    assert ddns.update("hostname=nas&myip=192.0.2.3") == (200, "notfqdn")
    assert ddns.update("hostname=nas.home.example&myip=192.0.2.300&strict=1") == (400, "dnserr")
    log = ddns.roostd.ctl("log", ZONE).stdout
    assert "token nas.home.example" in log and "dyndns2" in log and "(http)" in log


def test_several_hosts_are_one_version(ddns):
    serial = ddns.serial()
    query = "hostname=a.home.example,b.home.example,nowhere.org,home.example&myip=192.0.2.9"
    status, said = ddns.update(query, ALICE)
    assert status == 200 and said.split("\r\n") == ["good 192.0.2.9", "good 192.0.2.9", "nohost", "nohost"]
    assert ddns.addresses("a") == ddns.addresses("b") == ["192.0.2.9"]
    assert ddns.serial() == serial + 1
    assert ddns.update(query, ALICE)[1].split("\r\n") == ["nochg 192.0.2.9", "nochg 192.0.2.9", "nohost", "nohost"]


def test_what_is_not_ours_or_not_allowed(ddns):
    for host in ("other.home.example", "nowhere.org", "home.example"):
        assert ddns.update(f"hostname={host}&myip=192.0.2.1", User_Agent="inadyn/2.10.0") == (200, "nohost")
        assert ddns.update(f"hostname={host}&myip=192.0.2.1", User_Agent="OPNsense-dyndns") == (404, "nohost")
    ddns.roostd.ctl("record", "lock", ZONE, "nas")
    assert ddns.update("hostname=nas.home.example&myip=192.0.2.99") == (200, "nohost")
    ddns.roostd.ctl("record", "unlock", ZONE, "nas")
    ddns.roostd.ctl("record", "set", ZONE, "nas", "CNAME", "other")
    assert ddns.update("hostname=nas.home.example&myip=192.0.2.99") == (503, "dnserr")


@pytest.mark.parametrize("place", ["basic", "query", "key", "body", "bearer", "token"])
def test_where_credentials_stand(ddns, place):
    target, body, fields, user = "/nic/update?hostname=nas.home.example&myip=192.0.2.50", None, {}, None
    method = "GET"
    if place == "basic":
        user = ("nas.home.example", ddns.token)
    elif place == "query":
        target += f"&username=nas&password={ddns.token}"
    elif place == "key":
        target += f"&key={ddns.token}"
    elif place == "body":
        method, body = "POST", urllib.parse.urlencode({"u": "nas", "p": ddns.token})
    else:
        fields["Authorization"] = f"{place.capitalize()} {ddns.token}"
    assert ddns.ask(target, user, method, body, **fields) == (200, "good 192.0.2.50")


def test_who_is_not_known(ddns):
    assert ddns.ask("/nic/update?hostname=nas.home.example") == (401, "badauth")
    assert ddns.reply.getheader("WWW-Authenticate") == 'Basic realm="ddns"'
    for user in (("nas", "wrong"), ("alice", "s3cretwordS"), ("nobody", "s3cretwords"), ("nas", ddns.token + "a"),
                 ("nas", ddns.token.upper()), ("alice", ""), ("", "")):
        assert ddns.update("hostname=nas.home.example&myip=192.0.2.66", user) == (401, "badauth"), user
    assert ddns.addresses("nas") == []
    text = ddns.roostd.text()
    assert "wrong password or token" in text and "s3cret" not in text and ddns.token not in text
    ddns.roostd.ctl("token", "revoke", "nas.home.example")
    assert ddns.update("hostname=nas.home.example&myip=192.0.2.66") == (401, "badauth")


def test_guessing_gets_slow_and_the_owner_stays_in(ddns):
    assert ddns.update("hostname=a.home.example&myip=192.0.2.1", ALICE)[0] == 200
    answers = [ddns.update("hostname=a.home.example&myip=192.0.2.66", ("bob", "wrong"))[0] for _ in range(12)]
    assert answers[:10] == [401] * 10 and answers[10:] == [503] * 2
    assert int(ddns.reply.getheader("Retry-After")) >= 1
    assert ddns.update("hostname=a.home.example&myip=192.0.2.2", ALICE) == (200, "good 192.0.2.2")
    assert "too many wrong passwords" in ddns.roostd.text()


def test_rotation_keeps_both_for_a_while(ddns):
    new = ddns.roostd.ctl("token", "rotate", "nas.home.example").stdout.strip().splitlines()[-1]
    assert ddns.update("hostname=nas.home.example&myip=192.0.2.1", ("nas", new))[1] == "good 192.0.2.1"
    assert ddns.update("hostname=nas.home.example&myip=192.0.2.2")[1] == "good 192.0.2.2"
    ddns.roostd.ctl("key", "expire", "nas.home.example", "2020-01-01")
    assert ddns.update("hostname=nas.home.example&myip=192.0.2.3") == (401, "badauth")
    assert ddns.update("hostname=nas.home.example&myip=192.0.2.3", ("nas", new))[1] == "good 192.0.2.3"


def test_duckdns(ddns):
    def update(query):
        return ddns.ask(f"/update?token={ddns.token}&{query}")

    assert update("domains=nas.home.example&ip=192.0.2.7") == (200, "OK")
    assert ddns.addresses("nas") == ["192.0.2.7"]
    assert update("domains=nas.home.example&ip=192.0.2.7&ipv6=2001:db8::7&verbose=true") == (
        200, "OK\n192.0.2.7\n2001:db8::7\nUPDATED")
    assert update("domains=nas.home.example&ip=192.0.2.7&ipv6=2001:db8::7&verbose=true") == (
        200, "OK\n192.0.2.7\n2001:db8::7\nNOCHANGE")
    assert update("domains=nas.home.example&ip=") == (200, "OK") and ddns.addresses("nas") == ["127.0.0.1"]
    assert update("domains=nas.home.example&clear=true") == (200, "OK") and ddns.addresses("nas") == []
    assert update("domains=other.home.example&ip=192.0.2.7") == (200, "KO")
    assert update("domains=nas.home.example&ip=x") == (200, "KO")
    assert update("domains=nas.home.example&txt=value") == (200, "KO")  # no grant for TXT
    ddns.roostd.ctl("grant", "preset", ZONE, "acme", "--key", "nas.home.example")
    assert update("domains=nas.home.example&txt=value-1&clear=false") == (200, "OK")
    assert ddns.addresses("_acme-challenge.nas", "TXT") == ['"value-1"'] and ddns.addresses("nas") == []
    assert update("domains=nas.home.example&txt=value-1&clear=true") == (200, "OK")
    assert ddns.addresses("_acme-challenge.nas", "TXT") == []
    assert ddns.ask("/update?token=rt_none&domains=nas.home.example") == (200, "KO")


def test_httpreq(ddns):
    """Values come and go alone; RAW mode computes name and value."""
    nas = ("nas", ddns.token)
    name = "_acme-challenge.nas.home.example"

    def ask(action, user=nas, **body):
        return ddns.ask(f"/acme/{action}", user, "POST", json.dumps(body), Content_Type="application/json")

    def texts():
        return ddns.addresses("_acme-challenge.nas", "TXT")

    assert ask("present", fqdn=name + ".", value="one") == (403, "nohost")  # a grant for addresses alone
    ddns.roostd.ctl("grant", "preset", ZONE, "acme", "--key", "nas.home.example")
    status, said = ask("present", fqdn=name + ".", value="one")
    assert status == 200 and json.loads(said) == {"fqdn": name + ".", "value": "one"}
    assert ask("present", fqdn=name, value='tw"o')[0] == 200
    assert texts() == ['"one"', '"tw\\"o"']
    serial = ddns.serial()
    assert ask("present", fqdn=name, value="one")[0] == 200
    assert ask("cleanup", fqdn=name, value="three")[0] == 200
    assert texts() == ['"one"', '"tw\\"o"'] and ddns.serial() == serial  # nothing to do, and nothing done
    assert ask("cleanup", fqdn=name, value="one")[0] == 200
    assert texts() == ['"tw\\"o"']
    assert ask("cleanup", fqdn=name, value='tw"o')[0] == 200 and texts() == []

    proof = base64.urlsafe_b64encode(hashlib.sha256(b"token.thumb").digest()).decode().rstrip("=")
    status, said = ask("present", domain="nas.home.example", token="token", keyAuth="token.thumb")
    assert status == 200 and json.loads(said)["value"] == proof and texts() == [f'"{proof}"']
    assert ask("cleanup", domain="nas.home.example", token="token", keyAuth="token.thumb")[0] == 200 and texts() == []

    # A CNAME beside the host does not matter, one at the name of the proof does.
    ddns.roostd.ctl("record", "set", ZONE, "nas", "CNAME", "other")
    assert ask("present", domain="nas.home.example", token="token", keyAuth="token.thumb")[0] == 200
    assert ask("cleanup", domain="nas.home.example", token="token", keyAuth="token.thumb")[0] == 200 and texts() == []
    ddns.roostd.ctl("record", "set", ZONE, "_acme-challenge.nas", "CNAME", "other")
    assert ask("present", fqdn=name, value="x") == (503, "dnserr") and ddns.reply.getheader("Retry-After") == "60"
    ddns.roostd.ctl("record", "delete", ZONE, "_acme-challenge.nas", "CNAME")

    assert ask("present", fqdn=name, value="x" * 255)[0] == 200 and texts() == ['"' + "x" * 255 + '"']
    for body in ({}, {"fqdn": name}, {"fqdn": name, "value": ""}, {"fqdn": name, "value": "x" * 256}, {"value": "x"},
                 {"fqdn": "a b", "value": "x"}, {"fqdn": "a" * 64 + ".example", "value": "x"}, {"domain": "nas.home.example"},
                 {"domain": "nas.home.example", "keyAuth": ""}):
        assert ask("present", **body) == (400, "notfqdn"), body
    for other in ("_acme-challenge.tv.home.example", "nas.home.example", "_acme-challenge.nowhere.org"):
        assert ask("present", fqdn=other, value="x") == (403, "nohost")
    assert ask("present", ("nas", "wrong"), fqdn=name, value="y") == (401, "badauth")
    assert ddns.ask("/acme/present", nas)[0] == 405
    assert ddns.ask("/acme/present", nas, "POST", '{"fqdn": ', Content_Type="application/json")[0] == 400
    assert texts() == ['"' + "x" * 255 + '"'] and "httpreq" in ddns.roostd.ctl("log", ZONE).stdout
    counts = dict(line.split() for line in ddns.roostd.ctl("stats").stdout.splitlines())
    assert int(counts["http_requests.httpreq"]) == 26 and counts["http_requests.nothing"] == "1"


def test_dynv6_and_delete(ddns):
    def update(query):
        return ddns.ask(f"/api/update?token={ddns.token}&hostname=nas.home.example&{query}")

    assert update("ipv4=192.0.2.8&ipv6=2001:db8::8") == (200, "addresses updated")
    assert update("ipv4=192.0.2.8&ipv6=2001:db8::8") == (200, "addresses unchanged")
    assert update("ipv6prefix=2001:db8:1::/64") == (200, "addresses updated")
    assert ddns.addresses("nas", "AAAA") == ["2001:db8:1::8"]
    assert ddns.ask("/api/update?token=rt_x&hostname=nas.home.example")[0] == 401
    assert ddns.ask("/nic/delete?hostname=nas.home.example", ("nas", ddns.token)) == (200, "deleted A")
    assert ddns.addresses("nas") == [] and ddns.addresses("nas", "AAAA") == ["2001:db8:1::8"]
    assert ddns.ask("/nic/delete?myip=::1", ("nas", ddns.token)) == (200, "deleted AAAA")
    assert ddns.addresses("nas", "AAAA") == []


def test_plain_http_is_for_those_whom_the_configuration_names(tmp_path):
    ddns = Ddns(tmp_path, "--proxy-trusted", "127.0.0.1", "--http-plain-from", "198.51.100.0/24")
    query = "hostname=nas.home.example&myip=192.0.2.1"
    assert ddns.update(query, X_Forwarded_For="203.0.113.5") == (403, "badauth")
    assert ddns.update(query, X_Forwarded_For="203.0.113.5", X_Forwarded_Proto="https") == (200, "good 192.0.2.1")
    assert ddns.update(query, X_Forwarded_For="198.51.100.5") == (200, "nochg 192.0.2.1")
    assert ddns.update("hostname=nas.home.example", X_Forwarded_For="198.51.100.6") == (200, "good 198.51.100.6")


def test_the_answer_comes_after_the_commit(ddns):
    """What was answered with good is there after a kill."""
    for i in range(1, 20):
        assert ddns.update(f"hostname=a{i}.home.example&myip=192.0.2.{i}", ALICE)[1] == f"good 192.0.2.{i}"
    ddns.roostd.kill()
    ddns.roostd.start()
    assert [ddns.addresses(f"a{i}") for i in range(1, 20)] == [[f"192.0.2.{i}"] for i in range(1, 20)]


def test_recipes_name_host_token_and_server(ddns):
    for word in ("ddclient", "inadyn", "FRITZ!Box", "OpenWrt", "Synology", "UniFi", "curl", "PowerShell"):
        assert word in ddns.recipes
    assert ddns.recipes.count(ddns.token) >= 7 and "https://ddns.example/nic/update" in ddns.recipes
    assert "hostname=%h&myip=%i" in ddns.recipes
    plain = ddns.roostd.ctl("token", "add", "tv." + ZONE, "--zone", ZONE, "--url", "http://ddns.example").stdout
    for secure, not_secure in (("ssl=yes", "ssl=no"), (" ssl = true", " ssl = false"), ("use_https '1'", "use_https '0'")):
        assert secure in ddns.recipes and secure not in plain and not_secure in plain
    assert "https:" not in plain
