"""Certificates by DNS-01 from a real ACME server, which asks roostd for the proof: certbot, lego, dehydrated and uacme, each with
what `roostctl grant preset … acme` prints or its own hook."""
import os

import pytest

import partners
import roost

ZONE = roost.Home.zone


def challenges(server, name):
    return roost.values(server, f"_acme-challenge.{name}", "TXT")


def updates(server):
    return [line for line in server.text().splitlines() if " update of " in line]


def make_key(home, name, *options):
    return roost.Key.parse(home.server.ctl("key", "add", name, *options).stdout)


def preset(home, key, *options):
    text = home.server.ctl("grant", "preset", ZONE, "acme", "--key", key.name, *options).stdout
    return text.replace("ADDRESS:53", f"127.0.0.1:{home.server.port}").replace("ADDRESS", "127.0.0.1")


@pytest.fixture
def home():
    return roost.Home()


@pytest.fixture
def pebble(home):
    return partners.Pebble(f"127.0.0.1:{home.server.port}")


# ---- certbot ----

def test_certbot(home, pebble):
    """A name and its wildcard: two values at one name at the same time."""
    key = make_key(home, "acme")
    text = preset(home, key, "--name", "@").split("\n\n")[1]
    text = text.replace("dns_rfc2136_port = 53", f"dns_rfc2136_port = {home.server.port}")
    work = partners.directory("certbot")
    credentials = os.path.join(work, "rfc2136.ini")
    with open(os.open(credentials, os.O_WRONLY | os.O_CREAT, 0o600), "w", encoding="utf-8") as f:
        f.write(text)
    base = ["env", f"REQUESTS_CA_BUNDLE={pebble.certificate}", "certbot", "certonly", "-n", "--agree-tos", "-m",
            f"a@{ZONE}", "--server", pebble.url, "--config-dir", work, "--work-dir", work, "--logs-dir", work,
            "--dns-rfc2136", "--dns-rfc2136-credentials", credentials, "--dns-rfc2136-propagation-seconds", "1"]
    roost.run([*base, "-d", ZONE, "-d", f"*.{ZONE}"], seconds=120)
    issued = partners.issuer_of(os.path.join(work, "live", ZONE, "cert.pem"))
    assert "Pebble" in issued and f"DNS:*.{ZONE}" in issued
    assert challenges(home.server, ZONE) == []
    assert len(updates(home.server)) == 4  # two added, two deleted, each by its value

    # The grant holds: another name is refused, and certbot says so.
    refused = roost.run([*base, "-d", f"www.{ZONE}"], status=1, seconds=120)
    assert "REFUSED" in refused.stdout + refused.stderr


# ---- lego ----

@pytest.mark.parametrize("algorithm", ["hmac-sha256", "hmac-sha1"])
def test_lego(home, pebble, algorithm):
    """lego's own default is HMAC-SHA1."""
    key = make_key(home, f"www.{ZONE}", "--algorithm", algorithm)
    environment = [line for line in preset(home, key).splitlines() if line.startswith("RFC2136_")]
    if algorithm == "hmac-sha1":
        environment = [line for line in environment if "ALGORITHM" not in line]
    work = partners.directory("lego")
    run = ["env", f"LEGO_CA_CERTIFICATES={pebble.certificate}", "RFC2136_POLLING_INTERVAL=1", *environment, "lego", "-a", "-m",
           f"a@{ZONE}", "-s", pebble.url, "--path", work, "--dns", "rfc2136", "--dns.resolvers",
           f"127.0.0.1:{home.server.port}", "--dns.disable-cp"]
    roost.run([*run, "-d", f"www.{ZONE}", "run"], seconds=120)
    assert "Pebble" in partners.issuer_of(os.path.join(work, "certificates", f"www.{ZONE}.crt"))
    assert challenges(home.server, f"www.{ZONE}") == []
    assert len(updates(home.server)) == 2


@pytest.mark.parametrize("mode", ["", "RAW"])
def test_lego_over_http(mode):
    """httpreq, by a token with the grants of the preset; a name and its wildcard at the same time."""
    port = roost.free_port()
    home = roost.Home("--http", f"127.0.0.1@{port}")
    pebble = partners.Pebble(f"127.0.0.1:{home.server.port}")
    token = home.server.ctl("token", "add", f"www.{ZONE}").stdout.split()[0]
    home.server.ctl("grant", "preset", ZONE, "acme", "--key", f"www.{ZONE}")
    work = partners.directory("lego")

    def lego(*names, secret=token, status=0):
        run = ["env", f"LEGO_CA_CERTIFICATES={pebble.certificate}", f"HTTPREQ_ENDPOINT=http://127.0.0.1:{port}/acme",
               f"HTTPREQ_MODE={mode}", f"HTTPREQ_USERNAME=www.{ZONE}", f"HTTPREQ_PASSWORD={secret}",
               "HTTPREQ_POLLING_INTERVAL=1", "lego", "-a", "-m", f"a@{ZONE}", "-s", pebble.url, "--path", work, "--dns",
               "httpreq", "--dns.resolvers", f"127.0.0.1:{home.server.port}", "--dns.disable-cp"]
        done = roost.run([*run, *(word for name in names for word in ("-d", name)), "run"], seconds=120, status=status)
        return done.stdout + done.stderr

    lego(f"www.{ZONE}", f"*.www.{ZONE}")
    issued = partners.issuer_of(os.path.join(work, "certificates", f"www.{ZONE}.crt"))
    assert "Pebble" in issued and f"DNS:*.www.{ZONE}" in issued
    assert challenges(home.server, f"www.{ZONE}") == []
    assert len(updates(home.server)) == 4
    assert "badauth" in lego(f"www.{ZONE}", secret="rt_wrong", status=1)
    assert "nohost" in lego(f"mail.{ZONE}", status=1)


# ---- clients that know port 53 only ----

@pytest.fixture
def inside(namespaces):
    """A namespace whose resolver is the roostd in it, with a certificate authority; (namespace, home, pebble)."""
    home = roost.Home(start=False)
    # The nameserver of the zone is this one, at the address by which the clients find it.
    namespace = namespaces({"/etc/resolv.conf": "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n",
                            "/etc/hosts": "127.0.0.1 localhost\n",
                            "/etc/ssl/certs/ca-certificates.crt": ""})
    home.server = partners.RoostdInside(namespace, home.db)
    pebble = partners.Pebble("127.0.0.1:53", namespace)
    namespace.run("sh", "-c", f"cat {pebble.certificate} > /etc/ssl/certs/ca-certificates.crt")
    return namespace, home, pebble


def test_dehydrated_with_its_hook(inside):
    namespace, home, pebble = inside
    key = make_key(home, "acme")
    preset(home, key, "--name", "www")
    work = partners.directory("dehydrated")
    with open(os.path.join(work, "config"), "w", encoding="utf-8") as f:
        f.write(f"CA={pebble.url}\nBASEDIR={work}\nCONTACT_EMAIL=a@{ZONE}\nDEHYDRATED_USER=\nDEHYDRATED_GROUP=\n")
    with open(os.path.join(work, "dehydrated-hook-ddns-tsig.conf"), "w", encoding="utf-8") as f:
        f.write("[DEFAULT]\nname_server_ip = 127.0.0.1\nTTL = 60\nwait = 1\nkey_algorithm = hmac-sha256\n"
                f"key_name = {key.name}\nkey_secret = {key.secret}\n")
    hook = "/usr/share/dehydrated-hook-ddns-tsig/dehydrated-hook-ddns-tsig.py"
    # Its hook asks env for python3: that of the system has the modules.
    base = ["env", "-C", work, "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "dehydrated", "-f", os.path.join(work, "config")]
    namespace.run(*base, "--register", "--accept-terms", seconds=60)
    namespace.run(*base, "-c", "-t", "dns-01", "-d", f"www.{ZONE}", "-k", hook, seconds=120)
    assert "Pebble" in partners.issuer_of(os.path.join(work, "certs", f"www.{ZONE}", "cert.pem"))
    assert home.server.values(f"_acme-challenge.www.{ZONE}", "TXT") == []
    assert len(updates(home.server)) >= 2


def test_uacme_with_its_nsupdate_hook(inside):
    """The script's one setting, the key's file, is in the script: this is the packaged one with that line filled in."""
    namespace, home, pebble = inside
    key = make_key(home, "acme")
    preset(home, key, "--name", "www")
    work = partners.directory("uacme")
    keyfile, hook = os.path.join(work, "acme.key"), os.path.join(work, "nsupdate.sh")
    with open(keyfile, "w", encoding="utf-8") as f:
        f.write(key.text())
    with open("/usr/share/uacme/nsupdate.sh", encoding="utf-8") as f:
        script = f.read()
    assert script.count("RNDC_KEY_NSUPDATE=\n") == 1
    with open(hook, "w", encoding="utf-8") as f:
        f.write(script.replace("RNDC_KEY_NSUPDATE=\n", f"RNDC_KEY_NSUPDATE={keyfile}\n"))
    os.chmod(hook, 0o755)
    base = ["uacme", "-y", "-v", "-c", work, "-a", pebble.url]
    namespace.run(*base, "new", f"a@{ZONE}", seconds=60)
    namespace.run(*base, "-h", hook, "issue", f"www.{ZONE}", seconds=120)
    assert "Pebble" in partners.issuer_of(os.path.join(work, f"www.{ZONE}", "cert.pem"))
    assert home.server.values(f"_acme-challenge.www.{ZONE}", "TXT") == []
