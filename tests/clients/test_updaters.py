"""Programs that send updates by themselves: ansible, OpenWrt's script, nsupdate without being told the zone, ldns-update; and secondaries with the configuration that `roostctl grant preset … secondary` prints."""
import os
import re

import pytest

import partners
import roost

ZONE = roost.Home.zone


def make_key(home, name, *options):
    return roost.Key.parse(home.server.ctl("key", "add", name, *options).stdout)


@pytest.fixture
def home():
    return roost.Home()


# ---- ansible ----

def test_ansible(home):
    """Finds the zone by signed SOA questions, and what there is by updates that are prerequisites only."""
    key = make_key(home, "ansible")
    home.server.ctl("grant", "add", ZONE, "update", "--key", key.name, "--name", "host-*", "--types", "A")
    work = partners.directory("ansible")

    def run(state, value, record="host-1", status=0):
        task = (f"server=127.0.0.1 port={home.server.port} record={record}.{ZONE}. type=A value={value} ttl=60 state={state} "
                f"key_name={key.name} key_secret={key.secret} key_algorithm=hmac-sha256")
        return roost.run(["env", f"HOME={work}", "ANSIBLE_PYTHON_INTERPRETER=/usr/bin/python3", "ANSIBLE_NOCOLOR=1",
                          "/usr/bin/ansible", "localhost", "-m", "community.general.nsupdate", "-a", task],
                         status=status, seconds=120).stdout

    assert "CHANGED" in run("present", "192.0.2.1")
    serial = roost.serial(home.server, ZONE)
    assert "SUCCESS" in run("present", "192.0.2.1")  # nothing to do, and nothing done
    assert roost.serial(home.server, ZONE) == serial
    assert "CHANGED" in run("present", "192.0.2.2")
    assert roost.values(home.server, f"host-1.{ZONE}") == ["192.0.2.2"]
    assert "REFUSED" in run("present", "192.0.2.2", record="www2", status=2)
    assert "CHANGED" in run("absent", "192.0.2.2")
    assert "SUCCESS" in run("absent", "192.0.2.2")
    assert roost.values(home.server, f"host-1.{ZONE}") == []


# ---- nsupdate and its like ----

def test_openwrt(home):
    """ddns-scripts' update_nsupdate.sh: an HMAC-MD5 key inside the script, no zone, and show and answer around send."""
    key = make_key(home, "router", "--algorithm", "hmac-md5")
    home.server.ctl("grant", "preset", ZONE, "host", "--key", key.name, "--name", "wan")
    for i in range(2):
        script = (f"server 127.0.0.1 {home.server.port}\nkey {key.name} {key.secret}\nupdate del wan.{ZONE} A\n"
                  f"update add wan.{ZONE} 600 A 203.0.113.{i}\nshow\nsend\nanswer\nquit\n")
        roost.run(["nsupdate", "-d"], input=script)
        assert roost.values(home.server, f"wan.{ZONE}") == [f"203.0.113.{i}"]


@pytest.mark.parametrize("options", [[], ["-v"]])
def test_nsupdate_finds_the_zone(home, options):
    roost.run(["nsupdate", "-y", home.key.option(), *options],
              input=f"server 127.0.0.1 {home.server.port}\nupdate add deep.down.{ZONE} 60 A 192.0.2.9\nsend\n")
    assert roost.values(home.server, f"deep.down.{ZONE}") == ["192.0.2.9"]


def test_ldns_update(namespaces):
    """It finds the server by resolv.conf, on port 53, and knows no algorithm above HMAC-SHA1."""
    home = roost.Home(start=False)
    namespace = namespaces({"/etc/resolv.conf": "nameserver 127.0.0.1\n"})
    home.server = partners.RoostdInside(namespace, home.db)
    key = make_key(home, f"h.{ZONE}", "--algorithm", "hmac-sha1")
    home.server.ctl("grant", "preset", ZONE, "host", "--key", key.name)
    namespace.run("ldns-update", f"h.{ZONE}", ZONE, "192.0.2.8", key.name, key.algorithm, key.secret)
    assert home.server.values(f"h.{ZONE}") == ["192.0.2.8"]


# ---- secondaries ----

@pytest.mark.parametrize("server, check", [("BIND", ["named-checkconf"]), ("Knot", ["knotc", "-c", "FILE", "conf-check"]),
                                           ("NSD", ["nsd-checkconf"])])
def test_the_configuration_of_secondaries(home, server, check):
    key = make_key(home, "second")
    text = home.server.ctl("grant", "preset", ZONE, "secondary", "--key", key.name).stdout
    [part] = [part for part in text.split("\n\n") if part.startswith(f"# {server}:")]
    file = os.path.join(partners.directory("config"), "config")
    with open(file, "w", encoding="utf-8") as f:
        f.write(re.sub("ADDRESS", "192.0.2.53", part) + "\n")
    roost.run([file if word == "FILE" else word for word in check] if "FILE" in check else [*check, file])
