"""Names of leases: Kea's DNS updater, and ISC dhcpd with dhclient, with the rights of `roostctl grant preset … dhcp`. Their
sequences of prerequisites (RFC 4703, and dhcpd's older interim style) guard a name against a second client."""
import hashlib
import json

import pytest

import partners
import roost

ZONE = roost.Home.zone
REVERSE = "2.0.192.in-addr.arpa"


def reverse_zone(ctl):
    ctl("zone", "import", REVERSE, "-", input=f"@ 3600 IN SOA ns1.{ZONE}. hostmaster.{ZONE}. 1 600 120 1209600 60\n"
                                              f"@ 3600 IN NS ns1.{ZONE}.\n")


def dhcid(client, fqdn):
    """RFC 4701 §3.3: identifier type 0002 (DUID), digest type 1 (SHA-256)."""
    name = b"".join(bytes([len(label)]) + label.encode() for label in fqdn.split(".")) + b"\0"
    return "000201" + hashlib.sha256(client + name).hexdigest()


# ---- Kea ----

@pytest.fixture
def kea():
    """(home, KeaD2)"""
    home = roost.Home()
    reverse_zone(home.server.ctl)
    key = roost.Key.parse(home.server.ctl("key", "add", "kea").stdout)
    text = home.server.ctl("grant", "preset", ZONE, "dhcp", "--key", "kea").stdout
    home.server.ctl("grant", "preset", REVERSE, "dhcp", "--key", "kea")
    printed = "".join(line for line in text.split("\n\n")[1].splitlines() if not line.startswith("#")).rstrip(",")
    config = json.loads("{" + printed.replace("ADDRESS", "127.0.0.1").replace(": 53 ", f": {home.server.port} ") + "}")
    forward = config["forward-ddns"]["ddns-domains"][0]
    config["reverse-ddns"] = {"ddns-domains": [{**forward, "name": f"{REVERSE}."}]}
    assert config["tsig-keys"][0]["secret"] == key.secret
    return home, partners.KeaD2(config)


def test_kea(kea):
    home, d2 = kea
    fqdn, pointer = f"pc.{ZONE}", f"50.{REVERSE}"
    ours, others = dhcid(b"\1\2\3", fqdn), dhcid(b"\4\5\6", fqdn)
    assert d2.change(True, fqdn, "192.0.2.50", ours) == "added"
    assert roost.values(home.server, fqdn) == ["192.0.2.50"]
    assert roost.values(home.server, pointer, "PTR") == [f"{fqdn}."]
    assert len(roost.values(home.server, fqdn, "DHCID")) == 1

    # The same client gets another address: YXDOMAIN, then the update guarded by its DHCID.
    assert d2.change(True, fqdn, "192.0.2.51", ours) == "added"
    assert roost.values(home.server, fqdn) == ["192.0.2.51"]
    # Another client wants the name: NXRRSET, and it stays the first one's.
    assert d2.change(True, fqdn, "192.0.2.52", others, **{"reverse-change": False}) == "not added"
    assert roost.values(home.server, fqdn) == ["192.0.2.51"]
    assert d2.change(False, fqdn, "192.0.2.51", others, **{"reverse-change": False}) == "not removed"
    assert roost.values(home.server, fqdn) == ["192.0.2.51"]
    # The lease ends: addresses, DHCID and pointer are gone; the name too, by one "delete all RRsets".
    assert d2.change(False, fqdn, "192.0.2.51", ours) == "removed"
    assert roost.query(home.server, fqdn, "ANY").rcode() == 3
    assert roost.query(home.server, f"51.{REVERSE}", "PTR").rcode() == 3


def test_kea_and_both_families(kea):
    """Two leases of one host: the name stays until the second ends."""
    home, d2 = kea
    fqdn = f"dual.{ZONE}"
    ours = dhcid(b"\1\2\3", fqdn)
    forward = {"reverse-change": False}
    assert d2.change(True, fqdn, "192.0.2.60", ours, **forward) == "added"
    assert d2.change(True, fqdn, "2001:db8::60", ours, **forward) == "added"
    # The name is still in use: YXRRSET, which RFC 4703 §5.5 is content with, and Kea 2.2 counts as a failure.
    d2.change(False, fqdn, "192.0.2.60", ours, **forward)
    assert roost.values(home.server, fqdn) == []
    assert roost.values(home.server, fqdn, "AAAA") == ["2001:db8::60"]
    assert d2.change(False, fqdn, "2001:db8::60", ours, **forward) == "removed"
    assert roost.query(home.server, fqdn, "ANY").rcode() == 3


def test_kea_keeps_off_the_administrators_names(kea):
    home, d2 = kea
    home.server.ctl("record", "lock", ZONE, "reserved")
    fqdn = f"reserved.{ZONE}"
    assert d2.change(True, fqdn, "192.0.2.50", dhcid(b"\1", fqdn), **{"reverse-change": False}) == "not added"
    assert "is locked" in home.server.text()
    # A host that the administrator wrote by hand has no DHCID: NXRRSET.
    fqdn = f"ns1.{ZONE}"
    assert d2.change(True, fqdn, "192.0.2.50", dhcid(b"\1", fqdn), **{"reverse-change": False}) == "not added"
    assert roost.values(home.server, fqdn) == ["127.0.0.1"]


# ---- ISC dhcpd and dhclient ----

@pytest.fixture
def lan(namespaces):
    """(home, server's namespace, client's namespace): a cable between them, roostd on port 53 beside dhcpd."""
    home = roost.Home(start=False)
    server, client = namespaces({"/etc/resolv.conf": "nameserver 127.0.0.1\n"}), namespaces()
    server.run("ip", "link", "add", "lan0", "type", "veth", "peer", "name", "lan1")
    server.run("ip", "link", "set", "lan1", "netns", str(client.popen.pid))
    server.run("ip", "addr", "add", "192.0.2.1/24", "dev", "lan0")
    server.run("ip", "link", "set", "lan0", "up")
    client.run("ip", "link", "set", "lan1", "up")
    client.run("ip", "addr", "add", "192.0.2.250/24", "dev", "lan1")  # to send the release from
    home.server = partners.RoostdInside(server, home.db)
    reverse_zone(home.server.ctl)
    return home, server, client


class Dhcpd(roost.Process):
    def __init__(self, namespace, config):
        super().__init__("dhcpd")
        self.namespace = namespace
        self.leases = f"{self.directory}/leases"
        open(self.leases, "w", encoding="ascii").close()
        with open(f"{self.directory}/dhcpd.conf", "w", encoding="ascii") as f:
            f.write(config)
        self.start()

    def argv(self):
        return self.namespace.argv("dhcpd", "-f", "-d", "-4", "-cf", f"{self.directory}/dhcpd.conf", "-lf", self.leases,
                                   "-pf", f"{self.directory}/pid", "--no-pid", "lan0")

    def answers(self):
        assert self.popen.poll() is None, self.tail()
        return "Server starting service" in self.text()


CONFIG = """
ddns-updates on; update-conflict-detection on; ddns-domainname "{zone}"; ddns-rev-domainname "in-addr.arpa.";
authoritative; default-lease-time 600; max-lease-time 600;
ddns-update-style {style};
key "dhcp" {{ algorithm hmac-sha256; secret {secret}; }};
zone {zone}. {{ primary 127.0.0.1; key "dhcp"; }}
zone {reverse}. {{ primary 127.0.0.1; key "dhcp"; }}
subnet 192.0.2.0 netmask 255.255.255.0 {{ range 192.0.2.100 192.0.2.110; }}
"""


@pytest.mark.parametrize("style, guard", [("standard", "DHCID"), ("interim", "TXT")])
def test_dhcpd_and_dhclient(lan, style, guard):
    home, server, client = lan
    key = roost.Key.parse(home.server.ctl("key", "add", "dhcp").stdout)
    for zone in (ZONE, REVERSE):
        home.server.ctl("grant", "preset", zone, "dhcp", "--key", "dhcp")
    dhcpd = Dhcpd(server, CONFIG.format(zone=ZONE, reverse=REVERSE, style=style, secret=key.secret))
    work = partners.directory("dhclient")
    with open(f"{work}/dhclient.conf", "w", encoding="ascii") as f:
        f.write('send host-name "laptop";\ntimeout 30;\nretry 1;\ninitial-interval 1;\n')
    dhclient = ["dhclient", "-4", "-cf", f"{work}/dhclient.conf", "-lf", f"{work}/leases", "-pf", f"{work}/pid",
                "-sf", "/bin/true"]
    client.run(*dhclient, "-1", "lan1", seconds=60)  # with the lease it goes into the background, until -r
    name = f"laptop.{ZONE}"
    roost.wait_until(lambda: home.server.values(name), seconds=30, what="the lease's name")
    [address] = home.server.values(name)
    assert address.startswith("192.0.2.1")
    assert home.server.values(name, guard)
    pointer = ".".join(reversed(address.split("."))) + ".in-addr.arpa"
    roost.wait_until(lambda: home.server.values(pointer, "PTR") == [f"{name}."], seconds=30, what="its pointer")
    client.run(*dhclient, "-r", "lan1", seconds=60)
    roost.wait_until(lambda: not home.server.values(name), seconds=30, what="the end of its name")
    roost.wait_until(lambda: not home.server.values(pointer, "PTR"), seconds=30, what="the end of its pointer")
    assert home.server.values(name, guard) == []
    assert "REFUSED" not in home.server.text() and dhcpd.running()
