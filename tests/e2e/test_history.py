"""History: who changed what, whence and when; one version in full; what a name ever was; serials by policy."""
import json
import time

import pytest

import roost
import secondaries


def log(home, *args):
    return json.loads(roost.roostctl(home.db, "log", home.zone, "--json", *args).stdout)


# ---- log ----

def test_log_says_who_whence_and_what():
    home = roost.Home()
    home.move("192.0.2.77")
    newest, first = log(home)
    assert (newest["serial"], newest["from"], newest["deleted"], newest["added"]) == (2, 1, 1, 1)
    assert newest["actor"] == "key key.home.example." and newest["source"].startswith("127.0.0.1@")
    assert newest["transport"] == "udp" and first["serial"] == 1
    home.update(f"update add nas.{home.zone} 60 A 192.0.2.9", options=["-v"])
    assert log(home, "--limit", "1")[0]["transport"] == "tcp"


def test_log_by_time_and_number():
    home = roost.Home()
    for host in range(1, 6):
        home.move(f"192.0.2.{100 + host}")
    assert [entry["serial"] for entry in log(home, "--limit", "2")] == [6, 5]
    assert len(log(home, "--since", "1h")) == 6
    assert len(log(home, "--since", "2020-01-01")) == 6
    assert log(home, "--since", "2100-01-01T00:00:00Z") == []
    at = log(home)[2]["time"]  # whole seconds count
    assert [entry for entry in log(home, "--since", at) if entry["time"] < at[:19]] == []
    for wrong in (["--since", "yesterday"], ["--limit", "0"], ["--limit", "x"]):
        roost.roostctl(home.db, "log", home.zone, *wrong, status=2)


def test_every_address_a_name_ever_had():
    home = roost.Home()
    for host in range(1, 4):
        home.move(f"192.0.2.{100 + host}")
    home.update(f"update add nas.{home.zone} 60 A 192.0.2.9")
    home.update(f"update delete {home.host}")
    home.update(f"update add {home.host} 60 A 192.0.2.200")
    versions = log(home, "--name", home.host)
    assert [version["serial"] for version in versions] == [7, 6, 4, 3, 2]
    assert {record["name"] for version in versions for record in version["records"]} == {home.host}
    addresses = [record["data"] for version in reversed(versions) for record in version["records"]
                 if record["type"] == "A" and record["added"]]
    assert addresses == ["192.0.2.101", "192.0.2.102", "192.0.2.103", "192.0.2.200"]
    text = roost.roostctl(home.db, "log", home.zone, "--name", "home", "--limit", "1").stdout.splitlines()
    assert text[0].startswith("7 ") and text[1] == f"+{home.host}.\t60\tIN\tA\t192.0.2.200"
    assert len(text) == 2
    assert log(home, "--name", "HOME") == versions
    assert log(home, "--name", "nobody") == []
    roost.roostctl(home.db, "log", home.zone, "--name", "www.example.net.", status=1)


def test_one_version_in_full():
    home = roost.Home()
    home.move("192.0.2.77")
    lines = home.server.ctl("zone", "show", home.zone, "--serial", "2").stdout.splitlines()
    assert lines[0].startswith("2 ") and " by key key.home.example. from 127.0.0.1@" in lines[0]
    assert [line.split()[0][0] + line.split()[3] for line in lines[1:]] == ["-SOA", "+SOA", "-A", "+A"]
    assert lines[4] == f"+{home.host}.\t60\tIN\tA\t192.0.2.77"
    version = json.loads(home.server.ctl("zone", "show", home.zone, "--serial", "2", "--json").stdout)
    assert version["serial"] == 2 and version["note"] == ""
    assert [record["type"] for record in version["records"]] == ["SOA", "SOA", "A", "A"]
    assert "no version with serial 9" in home.server.ctl("zone", "show", home.zone, "--serial", "9", status=1).stderr


# ---- going back ----

def test_revert_reaches_secondaries():
    home = roost.Home()
    bind = secondaries.Bind(home.zone, home.server, home.key, start=False)
    home.server.ctl("peer", "add", home.zone, f"{bind.address}@{bind.port}", "--key", home.key.name)
    before = roost.values(home.server, home.host)
    bind.start()
    home.move("192.0.2.77")
    home.update(f"update add nas.{home.zone} 60 A 192.0.2.9")
    assert home.server.ctl("revert", home.zone, "1").stdout == f"{home.zone}: serial 4\n"
    bind.wait_serial(4)
    assert roost.values(bind, home.host) == before and roost.values(bind, f"nas.{home.zone}") == []
    assert bind.axfr() == roost.axfr(home.server, home.zone, home.key)
    assert log(home)[0]["note"] == "revert 1"


# ---- serial policies ----

@pytest.mark.parametrize("policy", ["unixtime", "dated"])
def test_serials_by_policy(policy):
    home = roost.Home()
    home.server.ctl("zone", "set", home.zone, "serial-policy", policy)
    assert f"policy   {policy}\n" in home.server.ctl("zone", "show", home.zone).stdout
    first = int(time.time()) if policy == "unixtime" else int(time.strftime("%Y%m%d00", time.gmtime()))
    serials = []
    for host in range(1, 4):
        home.move(f"192.0.2.{100 + host}")
        serials.append(home.serial())
    assert serials[0] >= first and serials == sorted(set(serials))
    # A clock that stood far ahead, or another policy: the serial only goes on.
    ahead = serials[-1] + 1000000
    home.server.ctl("record", "set", home.zone, "@", "SOA", f"ns1 hostmaster {ahead} 3600 600 86400 60")
    home.move("192.0.2.200")
    assert home.serial() == ahead + 1
    home.server.restart()
    home.move("192.0.2.201")
    assert home.serial() == ahead + 2
    home.server.ctl("zone", "set", home.zone, "serial-policy", "increment")
    home.move("192.0.2.202")
    assert home.serial() == ahead + 3


def test_zone_set_refuses_what_it_does_not_know(tmp_path):
    home = roost.Home(start=False)
    for option, value, words in (("serial-policy", "random", "none of increment"), ("colour", "red", "option colour"),
                                 ("history-age", "0", "history-age 0"), ("history-size", "12X", "history-size 12X"),
                                 ("history-size", "99999999999G", "history-size")):
        done = roost.roostctl(home.db, "zone", "set", home.zone, option, value, status=1)
        assert words in done.stderr
    for option, value, shown in (("history-age", "30d", "30d, 1G"), ("history-size", "500M", "30d, 500M"),
                                 ("history-age", "none", "none, 500M"), ("history-size", "default", "none, 1G"),
                                 ("history-age", "36h", "36h, 1G"), ("history-age", "default", "365d, 1G")):
        roost.roostctl(home.db, "zone", "set", home.zone, option, value)
        assert f"history  {shown}\n" in roost.roostctl(home.db, "zone", "show", home.zone).stdout
