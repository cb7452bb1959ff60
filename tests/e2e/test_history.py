"""History: who changed what, whence and when; one version in full; what a name ever was; serials by policy."""
import json
import socket
import sqlite3
import time

import dns.update
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


# ---- what was refused ----

def refused(home, *args):
    return json.loads(roost.roostctl(home.db, "log", home.zone, "--refused", "--json", *args).stdout)


def wait_refused(home, count):
    """Refusals are written once a second; so many of them, all rows together."""
    roost.wait_until(lambda: sum(row["count"] for row in refused(home)) >= count, what=f"{count} refusals in the history")
    return refused(home)


def test_refusals_are_history():
    home = roost.Home()
    stranger = roost.Key("stranger.example")
    liar = roost.Key(home.key.name)
    home.update(f"update add nas.{home.zone} 60 A 192.0.2.66", key=None, status=2)
    home.update(f"update add nas.{home.zone} 60 A 192.0.2.67", key=stranger, status=2)
    home.update(f"update delete {home.host} A", key=liar, status=2)
    home.update(f"prereq nxdomain {home.host}", f"update add {home.host} 60 A 192.0.2.68", status=2)
    rows = {(row["rcode"], row["actor"], row["asked"]): row for row in wait_refused(home, 4)}
    assert sorted(rows) == [
        ("NOTAUTH", f"key {home.key.name}.", f"delete {home.host} A"),
        ("NOTAUTH", "key stranger.example.", f"add nas.{home.zone} A 192.0.2.67"),
        ("REFUSED", "unsigned", f"add nas.{home.zone} A 192.0.2.66"),
        ("YXDOMAIN", f"key {home.key.name}.", f"add {home.host} A 192.0.2.68")]
    for row in rows.values():
        assert row["count"] >= 1 and row["network"] == "127.0.0.0/24" and row["source"].startswith("127.0.0.1@")
        assert row["transport"] == "udp" and row["first"] <= row["last"]
    reasons = " | ".join(row["why"] for row in rows.values())
    for words in ("no grant allows this requester", "BADKEY", "BADSIG", "prerequisite: the name is in use"):
        assert words in reasons
    assert home.serial() == 1 and len(log(home)) == 1


def test_refusals_survive_a_restart_and_are_counted():
    home = roost.Home()
    for host in range(10):
        home.update(f"update add nas{host}.{home.zone} 60 A 192.0.2.66", key=None, status=2)
    home.server.restart()  # also those of the last second
    row, = refused(home)
    assert row["count"] == 10 and row["asked"] == f"add nas9.{home.zone} A 192.0.2.66"
    line, = roost.roostctl(home.db, "log", home.zone, "--refused").stdout.splitlines()
    assert " REFUSED 10 times since " in line and " by unsigned from 127.0.0.1@" in line
    assert refused(home, "--since", "2100-01-01") == []


def test_a_flood_of_refusals_stays_small():
    """A thousand names of keys from one place: no more rows than a zone may have, and changes go on."""
    home = roost.Home()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        for number in range(1000):
            update = dns.update.UpdateMessage(home.zone, keyring=roost.Key(f"key{number}.example").dnspython())
            update.add("nas", 60, "A", "192.0.2.66")
            sock.sendto(update.to_wire(), (home.server.address, home.server.port))
            if number % 100 == 0:
                home.move(f"192.0.2.{100 + number // 100}")
    assert home.serial() == 11

    def later_ones_have_room():
        home.update(f"update add nas.{home.zone} 60 A 192.0.2.66", key=None, status=2)
        return any(row["actor"] == "unsigned" for row in refused(home, "--limit", "1"))
    roost.wait_until(later_ones_have_room, what="a later refusal in the history")
    assert 1 < len(refused(home)) <= 256
    assert "are not in the history" in home.server.text()


# ---- bounds ----

def count(home, table):
    with sqlite3.connect(f"file:{home.db}?mode=ro", uri=True) as db:
        number, = db.execute(f"SELECT count(*) FROM {table}").fetchone()
    db.close()
    return number


def test_history_is_bounded_by_size():
    """What is too much goes, oldest first, while updates go on; from each serial that is kept, IXFR leads to the zone."""
    home = roost.Home()
    home.server.ctl("zone", "set", home.zone, "history-size", "20K")
    home.update(*[f"update add host{number}.{home.zone} 60 A 192.0.2.9" for number in range(200)])
    for number in range(200):
        home.move(f"10.0.0.{number + 1}")
    roost.wait_until(lambda: 0 < len(log(home)) < 100, what="old versions to go")
    roost.wait_until(lambda: count(home, "name_version") == len(log(home)), what="the index to be as long")
    kept = log(home)
    assert kept[0]["serial"] == 202 and count(home, "change") == len(kept)
    assert [entry["serial"] for entry in kept] == list(range(202, 202 - len(kept), -1))
    whole = roost.axfr(home.server, home.zone, home.key)
    oldest = kept[-1]["from"]
    answer = roost.records(roost.transfer(home.server, home.zone, "IXFR", home.key, serial=oldest))
    assert len([record for record in answer if record[2] == "SOA"]) == 2 + 2 * len(kept)
    assert answer[-2][3] == "10.0.0.200" and (answer[-2][0], *answer[-2][1:]) in whole
    beyond = roost.records(roost.transfer(home.server, home.zone, "IXFR", home.key, serial=oldest - 1))
    assert len([record for record in beyond if record[2] == "SOA"]) == 2  # the whole zone
    assert [entry["serial"] for entry in log(home, "--name", home.host)] == [entry["serial"] for entry in kept]
    home.server.ctl("revert", home.zone, str(oldest))
    assert roost.values(home.server, home.host) == [f"10.0.0.{oldest - 2}"]


def test_a_version_too_big_for_one_step_goes_too(tmp_path):
    home = roost.Home()
    path = tmp_path / "big.zone"
    for last in (1, 2):
        hosts = "".join(f"host{number} A 192.0.2.{last if number < 900 else 9}\n" for number in range(2000))
        path.write_text(f"$TTL 60\n@ SOA ns1 hostmaster {last} 60 60 60 60\n@ NS ns1\nns1 A 192.0.2.1\n{hosts}")
        home.server.ctl("zone", "import", "big.example", path)
    home.server.ctl("record", "set", "big.example", "ns1", "A", "192.0.2.3")
    roost.wait_until(lambda: count(home, "name_version") == 901, what="the index")
    home.server.ctl("zone", "set", "big.example", "history-size", "1K")
    home.server.ctl("record", "set", "big.example", "ns1", "A", "192.0.2.4")
    roost.wait_until(lambda: count(home, "change_more") == 0, what="the big version to go")
    assert [entry["serial"] for entry in json.loads(home.server.ctl("log", "big.example", "--json").stdout)] == [4, 3]
    assert count(home, "name_version") == 2
