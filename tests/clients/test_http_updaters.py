"""DDNS over HTTP with the programs that people run: ddclient, inadyn, wget as OpenWrt calls it, curl with the URL templates of
routers, ddupdate; plain and by TLS, with the configuration that `roostctl token add` prints or the client's own manual's."""
import os
import re
import socket

import pytest

import partners
import roost

ZONE = roost.Home.zone
ALICE = ("alice", "s3cretwords")
# What clients have built in: each is roostd, in a namespace.
SERVICES = ["members.dyndns.org", "checkip.dyndns.org", "www.duckdns.org", "dynv6.com", "ipv4.dynv6.com", "ipv4.nsupdate.info",
            "www.dy.fi", "dynupdate.no-ip.com"]


class Site:
    """roostd by HTTP and HTTPS, alice's password for every host of the zone, and a token for nas."""

    def __init__(self, namespace=None):
        self.namespace = namespace
        self.db = os.path.join(partners.directory("site"), "roost.db")
        names = ["IP:127.0.0.1", "DNS:localhost", *("DNS:" + name for name in SERVICES)]
        self.certificate, key = partners.make_certificate(*names)
        self.port, self.tls_port = (80, 443) if namespace else (roost.free_port(), roost.free_port())
        roost.roostctl(self.db, "init", ZONE)
        roost.roostctl(self.db, "token", "add", "alice", "--password", input=ALICE[1] + "\n")
        roost.roostctl(self.db, "grant", "add", ZONE, "update", "--key", "alice", "--name", "*." + ZONE, "--types",
                       "A,AAAA,TXT")
        args = ["--http", f"127.0.0.1@{self.port}", "--https", f"127.0.0.1@{self.tls_port}", "--http-certificate",
                self.certificate, "--http-key", key]
        self.server = partners.RoostdInside(namespace, self.db, *args) if namespace else roost.Roostd(self.db, *args)
        self.work = partners.directory("client")

    def token(self, scheme="https"):
        """The token of nas, and what is printed with it for that way to the server: {"ddclient": text, …}."""
        port = self.tls_port if scheme == "https" else self.port
        said = self.server.ctl("token", "add", "nas." + ZONE, "--zone", ZONE, "--url", f"{scheme}://127.0.0.1:{port}").stdout
        token, rest = said.split("\n", 1)
        return token, {re.match(r"# ([\w!-]+)", part)[1]: part for part in rest.strip().split("\n\n")}

    def wide_token(self):
        """One whose identity is the zone's name: domains without a dot are below it."""
        token = self.server.ctl("token", "add", ZONE).stdout.split("\n")[0]
        self.server.ctl("grant", "add", ZONE, "update", "--key", ZONE, "--name", "*." + ZONE, "--types", "A,AAAA,TXT")
        return token

    def file(self, name, text):
        path = os.path.join(self.work, name)
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as f:
            f.write(text)
        return path

    def run(self, *argv, **more):
        return self.namespace.run(*argv, **more) if self.namespace else roost.run(argv, **more)

    def values(self, host, rdtype="A"):
        if self.namespace:
            return self.server.values(f"{host}.{ZONE}", rdtype)
        return roost.values(self.server, f"{host}.{ZONE}", rdtype)

    def serial(self):
        return roost.serial(self.server, ZONE)


@pytest.fixture
def site():
    return Site()


@pytest.fixture
def inside(namespaces):
    """A site in a namespace in which it is all the services that clients have built in, with a certificate they trust."""
    namespace = namespaces({"/etc/hosts": "127.0.0.1 localhost " + " ".join(SERVICES) + "\n",
                            "/etc/resolv.conf": "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n",
                            "/etc/ssl/certs/ca-certificates.crt": ""})
    made = Site(namespace)
    namespace.run("sh", "-c", f"cat {made.certificate} > /etc/ssl/certs/ca-certificates.crt")
    return made


# ---- ddclient ----

def ddclient(site, text):
    """What it says to that configuration. Each run begins with an empty memory of what it has sent."""
    cache = os.path.join(site.work, "ddclient.cache")
    if os.path.exists(cache):
        os.unlink(cache)
    text = f"syslog=no\npid={site.work}/ddclient.pid\ncache={cache}\n{text}"
    done = site.run("ddclient", "-daemon=0", "-file", site.file("ddclient.conf", text), "-verbose", "-noquiet", "-force",
                    status=None)
    return done.stdout + done.stderr


def ddclient_as(site, hosts, user=ALICE, address="198.51.100.7"):
    return ddclient(site, f"use=ip, ip={address}\nssl=no\nprotocol=dyndns2\nserver=127.0.0.1:{site.port}\nlogin={user[0]}\n"
                          f"password='{user[1]}'\n{hosts}\n")


def test_ddclient_several_hosts(site):
    said = ddclient_as(site, f"home.{ZONE},nas.{ZONE}")
    for host in ("home", "nas"):
        assert f"updating {host}.{ZONE}: good: IP address set to 198.51.100.7" in said
        assert site.values(host) == ["198.51.100.7"]
    serial = site.serial()
    said = ddclient_as(site, f"home.{ZONE},nas.{ZONE}")
    assert len(re.findall("nochg: No update required", said)) == 2 and "FAILED" not in said
    assert site.serial() == serial


def test_ddclient_reads_every_error(site):
    said = ddclient_as(site, f"home.{ZONE},home.nowhere.org")
    assert f"updating home.{ZONE}: good" in said and "updating home.nowhere.org: nohost: The hostname specified" in said
    assert "notfqdn: A Fully-Qualified Domain Name" in ddclient_as(site, "home")
    assert "authorization failed (HTTP/1.1 401 Unauthorized" in ddclient_as(site, f"home.{ZONE}", ("alice", "wrong"))
    site.server.ctl("record", "set", ZONE, "www", "CNAME", "home")
    said = ddclient_as(site, f"www.{ZONE}")
    assert "503 Service Unavailable" in said and "SUCCESS" not in said  # and it tries again in five minutes


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_ddclient_as_printed(site, scheme):
    """The address, too, it asks from us."""
    _, recipes = site.token(scheme)
    said = ddclient(site, f"ssl_ca_file={site.certificate}\n" + recipes["ddclient"])
    assert f"updating nas.{ZONE}: good: IP address set to 127.0.0.1" in said and site.values("nas") == ["127.0.0.1"]


def test_ddclient_duckdns(inside):
    """Its own server and TLS."""
    token = inside.wide_token()
    text = f"use=ip, ip=198.51.100.9\nssl=yes\nprotocol=duckdns\npassword={token}\nnas\n"
    assert "nas: good: IP address set to 198.51.100.9" in ddclient(inside, text)
    assert inside.values("nas") == ["198.51.100.9"]
    text = text.replace(token, "rt_wrong")
    assert "Server said: 'KO'" in ddclient(inside, text) and inside.values("nas") == ["198.51.100.9"]


def test_ddclient_nsupdate(site):
    key = roost.Key.parse(site.server.ctl("key", "add", "router").stdout)
    site.server.ctl("grant", "preset", ZONE, "host", "--key", key.name, "--name", "wan")
    text = (f"use=ip, ip=198.51.100.11\nprotocol=nsupdate\nserver=127.0.0.1:{site.server.port}\nzone={ZONE}\n"
            f"login=/usr/bin/nsupdate\npassword={site.file('router.key', key.text())}\nttl=60\nwan.{ZONE}\n")
    assert f"SUCCESS:  updating wan.{ZONE}" in ddclient(site, text)
    assert site.values("wan") == ["198.51.100.11"]


# ---- inadyn ----

def inadyn(site, text, *options, status=0):
    """One round of it; its log, in which it is silent about secrets."""
    file = site.file("inadyn.conf", text)
    done = site.run("inadyn", "-1", "-n", "--force", f"--cache-dir={site.work}", "-l", "debug", "-f", file, *options,
                    status=status)
    return done.stdout + done.stderr


def custom(site, hosts, user=ALICE, address="198.51.100.20"):
    return (f"verify-address = false\nallow-ipv6 = true\ncustom home {{\n ssl = false\n checkip-command = \"echo {address}\"\n"
            f" username = \"{user[0]}\"\n password = \"{user[1]}\"\n ddns-server = 127.0.0.1:{site.port}\n"
            f" ddns-path = \"/nic/update?hostname=%h&myip=%i\"\n hostname = {{ {', '.join(hosts)} }}\n}}\n")


@pytest.mark.parametrize("address, rdtype", [("198.51.100.20", "A"), ("2001:db8:5::20", "AAAA")])
def test_inadyn_custom(site, address, rdtype):
    hosts = [f"home.{ZONE}", f"nas.{ZONE}"]
    said = inadyn(site, custom(site, hosts, address=address))
    assert said.count("Successful alias table update for ") == 2
    assert site.values("home", rdtype) == site.values("nas", rdtype) == [address]
    serial = site.serial()
    assert inadyn(site, custom(site, hosts, address=address)).count("Successful alias table update for ") == 2
    assert site.serial() == serial


class InadynDaemon(roost.Process):
    """Not once: as it runs on a router."""

    def __init__(self, site, text, *options):
        super().__init__("inadyn")
        self.site = site
        self.options = options
        self.file = site.file("inadyn.conf", text)
        self.start()

    def argv(self):
        return ["inadyn", "-n", "--force", f"--cache-dir={self.site.work}", f"--pidfile={self.site.work}/inadyn.pid", "-l",
                "debug", "-f", self.file, *self.options]

    def answers(self):
        return "In-a-dyn version" in self.text()


def test_inadyn_gives_up_a_wrong_password(site):
    daemon = InadynDaemon(site, custom(site, [f"nas.{ZONE}"], ("alice", "wrong")))
    roost.wait_until(lambda: not daemon.running(), what="the end of inadyn")
    assert "401 Unauthorized" in daemon.text() and daemon.popen.returncode != 0


def test_inadyn_stays_when_it_may_pass(site):
    """A 503 it tries again, in ten minutes. At a host that is not there it ends, but with -C, as on UniFi."""
    site.server.ctl("record", "set", ZONE, "www", "CNAME", "home")
    daemon = InadynDaemon(site, custom(site, [f"www.{ZONE}"]))
    roost.wait_until(lambda: "Waiting" in daemon.text() or "retry" in daemon.text().lower(), what="inadyn's next try")
    assert "503 Service Unavailable" in daemon.text() and daemon.running()
    daemon.kill()
    daemon = InadynDaemon(site, custom(site, ["nas.nowhere.org"]), "-C")
    roost.wait_until(lambda: "Error response from DDNS server" in daemon.text(), what="inadyn's reading of nohost")
    assert daemon.running() and "[200 OK] nohost" in daemon.text() and "Successful" not in daemon.text()


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_inadyn_as_printed(site, scheme):
    _, recipes = site.token(scheme)
    said = inadyn(site, f"ca-trust-file = {site.certificate}\nverify-address = false\n" + recipes["inadyn"])
    assert f"Successful alias table update for nas.{ZONE}" in said and site.values("nas") == ["127.0.0.1"]


@pytest.mark.parametrize("ssl", ["false", "true"])
@pytest.mark.parametrize("provider", ["default@dyndns.org", "default@duckdns.org", "default@ipv4.dynv6.com",
                                      "ipv4@nsupdate.info", "default@no-ip.com"])
def test_inadyn_providers(inside, provider, ssl):
    """What is built in, at its own names."""
    token = inside.wide_token()
    login = {"default@duckdns.org": f"username = {token}\n", "default@ipv4.dynv6.com": f"username = {token}\n"}.get(
        provider, f"username = alice\n password = {ALICE[1]}\n")
    host = "nas" if "duckdns" in provider else f"nas.{ZONE}"
    address = "127.0.0.1" if "dynv6" in provider else "198.51.100.30"  # dynv6's leaves it to the server
    said = inadyn(inside, f"verify-address = false\nprovider {provider} {{\n ssl = {ssl}\n {login}"
                          f" checkip-command = \"echo 198.51.100.30\"\n hostname = {host}\n}}\n")
    assert f"Successful alias table update for {host}" in said
    assert inside.values("nas") == [address]


def test_inadyn_asks_for_its_address_here(inside):
    said = inadyn(inside, "verify-address = false\nprovider default@dyndns.org {\n ssl = false\n checkip-ssl = false\n"
                          " checkip-server = checkip.dyndns.org\n checkip-path = /checkip\n"
                          f" username = alice\n password = {ALICE[1]}\n hostname = nas.{ZONE}\n}}\n")
    assert "Successful alias table update" in said and inside.values("nas") == ["127.0.0.1"]


# ---- OpenWrt, wget and curl ----

def test_wget_as_openwrt_calls_it(site):
    """GNU wget shows its password when it was asked for it: 401, then the update, in one call."""
    def update(user):
        url = f"http://{user[0]}:{user[1]}@127.0.0.1:{site.port}/nic/update?hostname=h.{ZONE}&myip=192.0.2.5"
        return site.run("wget", "-nv", "-t", "1", "-O-", url, status=None)

    done = update(ALICE)
    assert (done.returncode, done.stdout) == (0, "good 192.0.2.5") and site.values("h") == ["192.0.2.5"]
    done = site.run("wget", "-S", "-t", "1", "-O-",
                    f"http://{ALICE[0]}:{ALICE[1]}@127.0.0.1:{site.port}/nic/update?hostname=h.{ZONE}&myip=192.0.2.6")
    assert done.stderr.index("401 Unauthorized") < done.stderr.index("200 OK")
    assert update(("alice", "wrong")).returncode == 6  # "username/password authentication failure"
    done = site.run("wget", "-nv", "-O-", f"--ca-certificate={site.certificate}", f"--user={ALICE[0]}",
                    f"--password={ALICE[1]}", f"https://127.0.0.1:{site.tls_port}/nic/update?hostname=h.{ZONE}&myip=192.0.2.7")
    assert done.stdout == "good 192.0.2.7"


def curl(site, target, *options, agent="ddns-scripts"):
    return site.run("curl", "-sS", "--path-as-is", "-A", agent, *options, f"http://127.0.0.1:{site.port}{target}").stdout


# What routers send, with [H] the host and [T] its token; the answer, and the host's A and AAAA records behind it.
TEMPLATES = [
    ("/nic/update?hostname=[H]&myip=192.0.2.5", "good 192.0.2.5", ["192.0.2.5"], []),
    ("/nic/update?hostname=[H]&password=[T]&myip=192.0.2.5", "good 192.0.2.5", ["192.0.2.5"], []),  # he.net
    ("/?hostname=[H]&myipv4=192.0.2.5&myipv6=preserve", "good 192.0.2.5,preserve", ["192.0.2.5"], ["2001:db8::1"]),  # deSEC
    ("/?hostname=[H]&myipv4=preserve&myipv6=2001:db8::2", "good preserve,2001:db8::2", ["192.0.2.1"], ["2001:db8::2"]),
    ("/nic/update?username=u&password=[T]&myip=192.0.2.5&hostname=[H]", "good 192.0.2.5", ["192.0.2.5"], []),  # joker
    ("/nic/update?domain=[H]&key=[T]&ip=192.0.2.5", "good 192.0.2.5", ["192.0.2.5"], []),  # ipv64
    ("/nic/update?host_id=[H]&myip=192.0.2.5", "good 192.0.2.5", ["192.0.2.5"], []),  # easyDNS
    ("/v3/update?hostname=[H]&myip=192.0.2.5", "good 192.0.2.5", ["192.0.2.5"], []),  # Dyn
    ("/ph/update?hostname=[H]&myip=192.0.2.5", "good 192.0.2.5", ["192.0.2.5"], []),  # Oray
    ("/dyndns/update?hostname=[H]&myip=192.0.2.5", "good 192.0.2.5", ["192.0.2.5"], []),
    ("/update?hostname=[H]&myip=192.0.2.5&ip6=2001:db8::3", "good 192.0.2.5,2001:db8::3", ["192.0.2.5"], ["2001:db8::3"]),
    ("/nic/update?hostname=[H]&myip=192.0.2.5,2001:db8:9::/64", "good 192.0.2.5,2001:db8:9::/64", ["192.0.2.5"],
     ["2001:db8:9::1"]),  # FRITZ!Box
    ("/nic/update?hostname=[H]&myip=192.0.2.5&ip6lanprefix=2001:db8:9::/64", "good 192.0.2.5,2001:db8:9::/64", ["192.0.2.5"],
     ["2001:db8:9::1"]),
    ("/nic/update?hostname=[H]&myipv4=192.0.2.5&myipv6=", "good 192.0.2.5", ["192.0.2.5"], None),
    ("//nic/update?hostname=[H]&myip=192.0.2.5", "good 192.0.2.5", ["192.0.2.5"], []),  # UniFi
    ("//update?hostname=[H]&myip=192.0.2.5", "good 192.0.2.5", ["192.0.2.5"], []),
    ("/nic/update?hostname=[H]&myip=192.0.2.5&system=dyndns&wildcard=NOCHG", "good 192.0.2.5", ["192.0.2.5"], []),  # OPNsense
    ("/nic/update?hostname=[H]&myip=192.0.2.5&system=dyndns&wildcard=NOCHG&mx=NOCHG&backmx=NOCHG", "good 192.0.2.5",
     ["192.0.2.5"], []),  # Synology
    ("/nic/update?hostname=[H]&myip=192%2E0%2E2%2E5%2C2001%3adb8%3A%3a4", "good 192.0.2.5,2001:db8::4", ["192.0.2.5"],
     ["2001:db8::4"]),  # inadyn's encoding
    ("/update?domains=[H]&token=[T]&ip=192.0.2.5&ipv6=2001:db8::5", "OK", ["192.0.2.5"], ["2001:db8::5"]),  # DuckDNS
    ("/api/update?hostname=[H]&token=[T]&ipv4=192.0.2.5", "addresses updated", ["192.0.2.5"], []),  # dynv6
]


@pytest.mark.parametrize("target, answer, v4, v6", TEMPLATES)
def test_url_templates(site, target, answer, v4, v6):
    token, _ = site.token()
    host = f"nas.{ZONE}"
    for rdtype, value in (("A", "192.0.2.1"), ("AAAA", "2001:db8::1")):
        site.server.ctl("record", "set", ZONE, "nas", rdtype, value)
    target = target.replace("[H]", host).replace("[T]", token)
    user = [] if token in target else ["-u", f"{host}:{token}"]
    assert curl(site, target, *user) == answer
    assert site.values("nas") == v4
    assert site.values("nas", "AAAA") == ([] if v6 is None else v6 or ["2001:db8::1"])
    again = curl(site, target, *user)
    assert again == answer.replace("good", "nochg").replace("addresses updated", "addresses unchanged")


def test_curl_as_printed(site):
    _, recipes = site.token("http")
    command = recipes["curl"].split("\n")[1]
    assert site.run("sh", "-c", command).stdout == "good 127.0.0.1"
    assert site.run("sh", "-c", command.replace("rt_", "rt_x"), status=22).stdout == ""


# ---- ddupdate ----

def ddupdate(site, service, host, *options, status=0):
    # The packaged modules belong to the system's python3.
    return site.run("env", f"HOME={site.work}", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "ddupdate", "-f", "-l", "info", "-c",
                    site.file("ddupdate.conf", "[update]\n"), "-H", host, "-s", service, *options, status=status)


def test_ddupdate(inside):
    token = inside.wide_token()
    inside.file(".netrc", f"machine www.dy.fi login alice password {ALICE[1]}\n"
                          f"machine www.duckdns.org login x password {token}\nmachine dynv6.com login x password {token}\n")
    given = ["-a", "hardcoded-ip", "-O", "ip=198.51.100.40"]
    ddupdate(inside, "dy.fi", f"nas.{ZONE}", "-a", "ip-disabled")
    assert inside.values("nas") == ["127.0.0.1"]
    ddupdate(inside, "duckdns.org", "nas.duckdns.org", *given)
    assert inside.values("nas") == ["198.51.100.40"]
    ddupdate(inside, "dynv6.com", f"tv.{ZONE}", *given)
    assert inside.values("tv") == ["198.51.100.40"]
    key = roost.Key.parse(inside.server.ctl("key", "add", "router").stdout)
    inside.server.ctl("grant", "preset", ZONE, "host", "--key", key.name, "--name", "wan")
    ddupdate(inside, "nsupdate", f"wan.{ZONE}", *given, "-o", "server=127.0.0.1", "-o",
             f"key={inside.file('router.key', key.text())}", "-o", f"zone={ZONE}")
    assert inside.values("wan") == ["198.51.100.40"]


# ---- requests whose programs do not run here, octet by octet ----

def say(site, octets):
    """The whole answer to these octets; the server has to close, or to end its body, by itself."""
    with socket.create_connection(("127.0.0.1", site.port), timeout=roost.PATIENCE) as s:
        s.sendall(octets)
        said = b""
        while True:
            head, found, body = said.partition(b"\r\n\r\n")
            length = re.search(rb"(?mi)^content-length: (\d+)\r?$", head)
            if found and length and len(body) >= int(length[1]):
                return head.decode(), body.decode()
            part = s.recv(65536)
            assert part, said
            said += part


BASIC = "YWxpY2U6czNjcmV0d29yZHM="  # alice:s3cretwords


@pytest.mark.parametrize("request_lines, answer", [
    # Invoke-RestMethod of Windows PowerShell 5.1, with the header that `roostctl token add` prints
    ([f"GET /nic/update?hostname=h.{ZONE}&myip=192.0.2.61 HTTP/1.1", f"Authorization: Basic {BASIC}",
      "User-Agent: Mozilla/5.0 (Windows NT; Windows NT 10.0; de-DE) WindowsPowerShell/5.1.19041.4291", "Host: 127.0.0.1",
      "Connection: Keep-Alive", "", ""], "good 192.0.2.61"),
    # of PowerShell 7, a POST of a hash table
    (["POST /nic/update HTTP/1.1", "Host: 127.0.0.1", f"Authorization: Basic {BASIC}",
      "User-Agent: Mozilla/5.0 (Windows NT 10.0; Microsoft Windows 10.0.22631; en-US) PowerShell/7.4.2", "Accept-Encoding: "
      "gzip, deflate, br", "Content-Type: application/x-www-form-urlencoded", "Content-Length: LENGTH", "",
      f"hostname=h.{ZONE}&myip=192.0.2.62"], "good 192.0.2.62"),
    # python-requests of OPNsense
    ([f"GET /nic/update?hostname=h.{ZONE}&myip=192.0.2.63&system=dyndns&wildcard=NOCHG HTTP/1.1", "Host: 127.0.0.1",
      "User-Agent: OPNsense-dyndns", "Accept-Encoding: gzip, deflate", "Accept: */*", "Connection: keep-alive",
      f"Authorization: Basic {BASIC}", "", ""], "good 192.0.2.63"),
    # and with data={…} and json={…}
    (["POST /nic/update HTTP/1.1", "Host: 127.0.0.1", "User-Agent: python-requests/2.28.1", "Accept-Encoding: gzip, deflate",
      "Accept: */*", "Connection: keep-alive", "Content-Length: LENGTH", "Content-Type: application/x-www-form-urlencoded",
      f"Authorization: Basic {BASIC}", "", f"hostname=h.{ZONE}&myip=192.0.2.64"], "good 192.0.2.64"),
    (["POST /nic/update HTTP/1.1", "Host: 127.0.0.1", "User-Agent: python-requests/2.28.1", "Accept-Encoding: gzip, deflate",
      "Accept: */*", "Connection: keep-alive", "Content-Length: LENGTH", "Content-Type: application/json",
      f"Authorization: Basic {BASIC}", "", f'{{"hostname": "h.{ZONE}", "myip": "192.0.2.65"}}'], "good 192.0.2.65"),
    # inadyn on UniFi: HTTP/1.0, and a path that lacks its slash
    ([f"GET nic/update?hostname=h.{ZONE}&myip=192.0.2.66 HTTP/1.0", "Host: 127.0.0.1", f"Authorization: Basic {BASIC}",
      "User-Agent: inadyn/2.8.1 https://github.com/troglobit/inadyn/issues", "", ""], "good 192.0.2.66"),
], ids=["PowerShell 5", "PowerShell 7", "OPNsense", "requests form", "requests json", "UniFi"])
def test_replay(site, request_lines, answer):
    octets = "\r\n".join(request_lines).replace("LENGTH", str(len(request_lines[-1]))).encode()
    head, body = say(site, octets)
    status = head.split("\r\n")[0]
    assert re.fullmatch(r"HTTP/1\.[01] 200 OK", status) and body == answer
    assert "chunked" not in head.lower()
    assert site.values("h") == [answer.split()[1]]
