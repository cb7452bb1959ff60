"""The access log of HTTP, and that no secret gets into any log; what /readyz says of a server that cannot do its work."""
import base64
import json
import os
import re
import resource
import sqlite3

import pytest

import roost
from test_ddns import ALICE, ZONE, Ddns

LINE = re.compile(r'info http ((?:\w+=(?:"[^"]*"|\S*) ?)+)$')


def lines(ddns):
    """The access log's lines as dicts of texts, by either form."""
    found = []
    for line in ddns.roostd.text().splitlines():
        match = LINE.search(line)
        if match:
            found.append({name: value.strip('"') for name, value in re.findall(r'(\w+)=("[^"]*"|\S*)', match.group(1))})
        elif " info {" in line:
            found.append({name: str(value) for name, value in json.loads(line.split(" info ", 1)[1]).items()})
    return found


@pytest.fixture(params=["text", "json"])
def ddns(request, tmp_path):
    return Ddns(tmp_path, "--http-access-log", request.param, "--log-level", "debug")


def test_a_line_says_who_asked_what_and_how_it_went(ddns):
    ddns.update(f"hostname=nas.{ZONE}&myip=192.0.2.2&x=y", User_Agent='ddclient/3.10 "\\\t!')
    ddns.update(f"hostname=nas.{ZONE}&myip=192.0.2.2", ("nas", "wrong"))
    ddns.ask("/ip")
    good, wrong, address = roost.wait_until(lambda: len(found := lines(ddns)) == 3 and found)
    assert int(good.pop("us")) > 0
    assert good == {"client": "127.0.0.1", "tls": "no", "method": "GET", "path": "/nic/update",
                    "query": f"hostname=nas.{ZONE}&myip=192.0.2.2&***", "account": f"nas.{ZONE}.", "status": "200",
                    "octets": str(len("good 192.0.2.2")), "agent": "ddclient/3.10 ???!"}
    assert (wrong["status"], wrong["account"]) == ("401", "")
    assert (address["path"], address["query"], address["status"]) == ("/ip", "", "200")


def test_no_secret_is_in_the_log(ddns):
    """Each where clients put it, and where people put it by mistake."""
    places = 0
    for secret in (ddns.token, ALICE[1], "n0t-the-right-0ne"):
        for target in (*(f"/nic/update?hostname=nas.{ZONE}&{name}={secret}" for name in
                         ("password", "pass", "pwd", "p", "token", "PASSWORD", "key", "apikey", "secret", "auth")),
                       *(f"/nic/update?hostname=nas.{ZONE}&{name}=alice&pass={secret}" for name in ("username", "user", "u")),
                       f"/nic/update?hostname=nas.{ZONE}&u={secret}", f"/update?domains=nas.{ZONE}&token={secret}",
                       f"/api/update?hostname=nas.{ZONE}&token={secret}", f"/u/{secret}", f"/nic/update/{secret}",
                       f"/nic/update?{secret}", f"/nic/update?hostname={secret}&pass={secret}",
                       f"/nic/update?hostname=nas.{ZONE}&p=%{ord(secret[0]):02x}{secret[1:]}"):
            ddns.ask(target)
            places += 1
        basic = base64.b64encode(f"alice:{secret}".encode()).decode()
        for field in (f"Bearer {secret}", f"Token {secret}", f"Basic {basic}", secret, f"Digest {secret}"):
            ddns.ask("/nic/update?hostname=nas." + ZONE, Authorization=field)
            places += 1
        ddns.ask("/nic/update?hostname=nas." + ZONE, (secret, secret))
        ddns.ask("/nic/update", method="POST", body=f"hostname=nas.{ZONE}&password={secret}",
                 Content_Type="application/x-www-form-urlencoded")
        ddns.ask("/nic/update", method="POST", body=json.dumps({"hostname": "nas." + ZONE, "password": secret}),
                 Content_Type="application/json")
        ddns.ask(f"/nic/update?hostname=nas.{ZONE}&pass={secret}", User_Agent="curl with " + secret)
        places += 4
    roost.wait_until(lambda: len(lines(ddns)) == places, what="a line for each request")
    text = ddns.roostd.text()
    for secret in (ddns.token, ALICE[1], "n0t-the-right-0ne"):
        assert secret not in text and base64.b64encode(f"alice:{secret}".encode()).decode() not in text
    assert {line["path"] for line in lines(ddns)} == {"/nic/update", "/update", "/api/update", "other"}


@pytest.mark.parametrize("secret", ["n0t-the-right-0ne", None])
def test_a_secret_in_place_of_the_user_name_is_not_in_the_log(ddns, secret):
    ddns.update("hostname=nas." + ZONE, (secret or ddns.token, secret or "wrong"))
    roost.wait_until(lambda: 'wrong password or token for account "***"' in ddns.roostd.text())
    assert (secret or ddns.token) not in ddns.roostd.text()


def test_odd_and_long_requests_stay_one_whole_line(ddns):
    ddns.ask("/nic/update?" + "&".join("hostname=" + 20 * '%22%5c%0a' for _ in range(20)), User_Agent=3000 * '"')
    line, = roost.wait_until(lambda: lines(ddns))
    assert set(line["agent"]) == {"?"} and line["query"].endswith("&***") and "[cut]" not in ddns.roostd.text()


def test_no_lines_unless_wanted(tmp_path):
    ddns = Ddns(tmp_path)
    ddns.ask("/ip")
    ddns.roostd.stop()
    assert lines(ddns) == []


def test_not_ready_while_changes_cannot_be_stored(tmp_path):
    ddns = Ddns(tmp_path)
    assert ddns.ask("/readyz") == (200, "ready\n")
    size = os.path.getsize(ddns.roostd.db + "-wal")
    pid = ddns.roostd.popen.pid
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

    def fails(address):
        ddns.update(f"hostname=nas.{ZONE}&myip={address}")
        return ddns.reply.status == 503
    roost.wait_until(lambda: any(fails(f"192.0.2.{i}") for i in range(1, 250)), what="an update that fails")
    assert roost.wait_until(lambda: (reply := ddns.ask("/readyz"))[0] == 503 and reply)[1] == "changes could not be stored\n"
    assert ddns.ask("/healthz") == (200, "ok\n")
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    ddns.update(f"hostname=nas.{ZONE}&myip=192.0.2.251")
    roost.wait_until(lambda: ddns.ask("/readyz") == (200, "ready\n"))


def test_ready_while_any_zone_is_served(tmp_path):
    ddns = Ddns(tmp_path)
    ddns.roostd.ctl("init", "other.example")
    for zone, status, text in ((1, 200, "ready\n"), (2, 503, "no zone is served\n")):
        ddns.roostd.stop()
        with sqlite3.connect(ddns.roostd.db) as handle:
            handle.execute("DELETE FROM rrset WHERE type = 6 AND zone = ?", (zone,))
        handle.close()
        ddns.roostd.start()
        assert ddns.ask("/readyz") == (status, text)
        assert f"\nroost_zones_unserved {zone}\n" in ddns.ask("/metrics")[1]
