"""Grants in all their dimensions, locks, and keys that are rotated and expire: with nsupdate, and with dnspython where the
extended error (RFC 8914) matters."""
import socket

import dns.message
import dns.name
import dns.opcode
import dns.query
import dns.rcode
import dns.tsig
import dns.update
import pytest

import roost

ZONE = roost.Home.zone
EDE, PROHIBITED = 15, 18


@pytest.fixture
def home():
    return roost.Home()


def make_key(home, name, *options):
    return roost.Key.parse(home.server.ctl("key", "add", name, *options).stdout)


def grant(home, key, *options, action="update"):
    return home.server.ctl("grant", "add", ZONE, action, "--key", key.name, *options).stdout.split()[1]


def send(home, key, changes):
    """(RCODE, extended error's text or None) of an update; changes are ("add"|"delete"|…, arguments)."""
    update = dns.update.UpdateMessage(ZONE)
    for verb, *arguments in changes:
        getattr(update, verb)(*arguments)
    update.use_edns(0)
    update.use_tsig(key.dnspython())
    answer = dns.query.udp(update, home.server.address, port=home.server.port, timeout=roost.PATIENCE)
    errors = [option.to_wire() for option in answer.options if option.otype == EDE]
    assert all(int.from_bytes(error[:2], "big") == PROHIBITED for error in errors)
    return dns.rcode.to_text(answer.rcode()), errors[0][2:].decode() if errors else None


def log_says(home, words):
    roost.wait_until(lambda: words in home.server.text(), what=f"{words!r} in the log")


@pytest.mark.parametrize("pattern, good, bad", [
    ("host-*", ["host-1", "host-", "HOST-x-y"], ["host", "a.host-1", "xhost-1"]),
    ("_acme-challenge.*", ["_acme-challenge.www"], ["_acme-challenge", "_acme-challenge.a.b", "www"]),
    ("*.dyn", ["a.dyn", "a.b.dyn"], ["dyn", "xdyn"]),
    ("*.dyn-*", ["a.dyn-1", "a.b.dyn-"], ["dyn-1", "a.dyn"]),
    ("\\*.wild", ["\\*.wild"], ["a.wild"]),
    ("self", ["nas"], ["a.nas", "www"]),
    ("_acme-challenge.self", ["_acme-challenge.nas"], ["nas", "_acme-challenge.www"]),
    ("*.self", ["a.nas", "_443._tcp.nas"], ["nas"]),
])
def test_name_patterns(home, pattern, good, bad):
    key = make_key(home, f"nas.{ZONE}")
    number = grant(home, key, "--name", pattern, "--types", "TXT")
    explain = ["grant", "explain", ZONE, "update", "--key", key.name, "--types", "TXT", "--name"]
    for name in good:
        home.update(f"update add {name}.{ZONE} 60 TXT x", key=key)
        assert f"grant {number} allows" in home.server.ctl(*explain, f"{name}.{ZONE}").stdout
    for name in bad:
        home.update(f"update add {name}.{ZONE} 60 TXT x", key=key, status=2)
        assert f"grant {number} covers only" in home.server.ctl(*explain, f"{name}.{ZONE}", status=1).stderr
    home.update(f"update add {good[0]}.{ZONE} 60 CAA 0 issue x", key=key, status=2)


def test_a_name_goes_as_a_whole_when_all_its_types_are_covered(home):
    key = make_key(home, "dhcp")
    grant(home, key, "--name", "*.dyn", "--types", "A,AAAA,TXT")
    home.update(f"update add a.dyn.{ZONE} 60 A 192.0.2.1", f"update add a.dyn.{ZONE} 60 TXT x", key=key)
    home.server.ctl("record", "add", ZONE, "b.dyn", "MX", "10 mail")
    home.update(f"update add b.dyn.{ZONE} 60 A 192.0.2.1", key=key)
    home.update(f"update delete a.dyn.{ZONE}", key=key)
    home.update(f"update delete b.dyn.{ZONE}", key=key, status=2)
    log_says(home, f"b.dyn.{ZONE}. MX: no grant of this requester covers the name and type")
    assert roost.values(home.server, f"a.dyn.{ZONE}") == []
    assert roost.values(home.server, f"b.dyn.{ZONE}") == ["192.0.2.1"]


def test_no_more_records_than_granted(home):
    key = make_key(home, f"nas.{ZONE}")
    number = grant(home, key, "--name", "self", "--max", "2")
    add = [("add", "nas", 60, "A", f"192.0.2.{i}") for i in range(1, 4)]
    assert send(home, key, add[:2]) == ("NOERROR", None)
    before = roost.serial(home.server, ZONE)
    assert send(home, key, add[2:]) == ("REFUSED", "too many records at the name")
    log_says(home, f"grant {number}: there would be 3 records at nas.{ZONE}., and it lets be 2")
    assert roost.serial(home.server, ZONE) == before
    assert send(home, key, [("delete", "nas", "A", "192.0.2.1"), *add[2:]]) == ("NOERROR", None)
    assert roost.values(home.server, f"nas.{ZONE}") == ["192.0.2.2", "192.0.2.3"]
    assert "at most 2 records" in home.server.ctl("grant", "explain", ZONE, "update", "--key", key.name, "--name", "nas",
                                                   "--types", "A").stdout


def test_rates(home):
    key, other = make_key(home, "nas"), make_key(home, "other")
    number = grant(home, key, "--rate", "3/1d")
    second = grant(home, other, "--name-rate", "1/1d")
    for i in range(3):
        assert send(home, key, [("replace", "a", 60, "A", f"192.0.2.{i}")]) == ("NOERROR", None)
    before = roost.serial(home.server, ZONE)
    assert send(home, key, [("replace", "a", 60, "A", "192.0.2.9")]) == ("REFUSED", "too many updates; try again later")
    log_says(home, f"grant {number}: more than 3/1d updates by this key")
    assert send(home, other, [("add", "b", 60, "A", "192.0.2.1")]) == ("NOERROR", None)
    assert send(home, other, [("add", "c", 60, "A", "192.0.2.1"), ("delete", "b", "A")])[0] == "REFUSED"
    log_says(home, f"grant {second}: more than 1/1d updates at b.{ZONE}.")
    assert send(home, other, [("add", "c", 60, "A", "192.0.2.1")]) == ("NOERROR", None)
    assert roost.serial(home.server, ZONE) == before + 2


def test_locked_records(home):
    home.server.ctl("record", "lock", ZONE, "www")
    home.server.ctl("record", "lock", ZONE, "home", "AAAA")
    home.server.ctl("record", "lock", ZONE, "www", status=1)
    home.server.ctl("record", "lock", ZONE, "spare", "TXT")
    before = roost.serial(home.server, ZONE)
    for change in [("add", "www", 60, "TXT", "x"), ("delete", "home", "AAAA"), ("delete", "home"),
                   ("replace", "home", 60, "AAAA", "2001:db8::9"), ("add", "spare", 60, "TXT", "x")]:
        assert send(home, home.key, [("add", "free", 60, "A", "192.0.2.1"), change]) == \
            ("REFUSED", "locked by the administrator")
    log_says(home, f"home.{ZONE}. AAAA: is locked: only an administrator changes it")
    assert roost.serial(home.server, ZONE) == before
    assert send(home, home.key, [("replace", "home", 60, "A", "192.0.2.9")]) == ("NOERROR", None)

    # The administrator does as ever, and the locks stay: also when the zone is imported.
    home.server.ctl("record", "set", ZONE, "home", "AAAA", "2001:db8::5")
    listed = home.server.ctl("record", "list", ZONE).stdout
    assert f"home.{ZONE}.\t60\tIN\tAAAA\t2001:db8::5 ; locked\n" in listed
    assert f"home.{ZONE}.\t60\tIN\tA\t192.0.2.9\n" in listed
    assert f"; spare.{ZONE}. TXT is locked, and has no record\n" in listed
    zone = home.server.ctl("zone", "export", ZONE).stdout
    home.server.ctl("zone", "import", ZONE, "-", input=zone)
    assert send(home, home.key, [("delete", "home", "AAAA")])[0] == "REFUSED"
    why = home.server.ctl("grant", "explain", ZONE, "update", "--key", home.key.name, "--name", "home", "--types", "AAAA",
                          status=1).stderr
    assert f"a lock on AAAA at home.{ZONE} refuses" in why
    home.server.restart()
    assert send(home, home.key, [("delete", "home", "AAAA")])[0] == "REFUSED"
    home.server.ctl("record", "unlock", ZONE, "home", "AAAA")
    assert send(home, home.key, [("delete", "home", "AAAA")]) == ("NOERROR", None)
    home.server.ctl("record", "unlock", ZONE, "home", status=1)


def test_two_keys_of_one_identity(home):
    old = make_key(home, f"nas.{ZONE}")
    grant(home, old, "--name", "self")
    grant(home, old, action="transfer")
    done = home.server.ctl("key", "rotate", old.name)
    new = roost.Key.parse(done.stdout)
    assert new.name == f"nas-2.{ZONE}" and new.secret != old.secret
    assert f"has the grants of nas.{ZONE}; the other keys that have them end 20" in done.stderr
    for i, key in enumerate((old, new)):
        home.update(f"update add nas.{ZONE} 60 A 192.0.2.{i}", key=key)
        assert roost.axfr(home.server, ZONE, key=key)
    home.update(f"update add nas-2.{ZONE} 60 A 192.0.2.1", key=new, status=2)  # its name is that of the identity

    # The old one ends; its last day in the past shows it without waiting.
    home.server.ctl("key", "expire", old.name, "2020-01-01")
    with pytest.raises(dns.tsig.PeerBadKey):
        send(home, old, [("add", "nas", 60, "A", "192.0.2.7")])
    log_says(home, "the key has expired (BADKEY); see roostctl key rotate")
    assert "(expired)" in home.server.ctl("key", "list").stdout
    assert "expired 2020-01-01" in home.server.ctl("grant", "explain", ZONE, "update", "--key", old.name, status=1).stderr
    assert send(home, new, [("add", "nas", 60, "A", "192.0.2.7")]) == ("NOERROR", None)
    home.server.ctl("key", "expire", old.name, "never")
    assert send(home, old, [("add", "nas", 60, "A", "192.0.2.8")]) == ("NOERROR", None)

    # Its peers go over to the new key with its grants; with the last key of an identity they would be lost.
    home.server.ctl("peer", "add", ZONE, "127.0.0.2@53", "--key", old.name)
    home.server.ctl("key", "remove", old.name)
    assert home.server.ctl("peer", "list").stdout == f"{ZONE} 127.0.0.2@53 --key {new.name}\n"
    home.server.ctl("key", "remove", new.name, status=1)
    assert send(home, new, [("add", "nas", 60, "A", "192.0.2.9")]) == ("NOERROR", None)
    home.server.ctl("key", "add", old.name, status=1)  # would be the identity of another
    again = roost.Key.parse(home.server.ctl("key", "rotate", new.name, "--new", "spare", "--expires", "30d").stdout)
    assert send(home, again, [("delete", "nas", "A")]) == ("NOERROR", None)


def test_notify_is_signed_with_the_key_that_still_holds(home):
    old = make_key(home, "second")
    new = roost.Key.parse(home.server.ctl("key", "rotate", "second").stdout)
    keyring = {dns.name.from_text(key.name): key.dnspython() for key in (old, new)}
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        peer.bind(("127.0.0.1", 0))
        peer.settimeout(roost.PATIENCE)
        home.server.ctl("peer", "add", ZONE, f"127.0.0.1@{peer.getsockname()[1]}", "--key", "second")

        def signer(address):
            """Of the next NOTIFY, which is answered."""
            home.server.ctl("record", "set", ZONE, "home", "A", address)
            octets, source = peer.recvfrom(4096)
            notify = dns.message.from_wire(octets, keyring=keyring)
            assert notify.opcode() == dns.opcode.NOTIFY
            peer.sendto(dns.message.make_response(notify).to_wire(), source)
            return notify.keyname.to_text(omit_final_dot=True)

        assert signer("192.0.2.1") == "second"
        home.server.ctl("key", "expire", "second", "2020-01-01")
        assert signer("192.0.2.2") == new.name == "second-2"


def test_a_grant_ends(home):
    key = make_key(home, "nas")
    number = grant(home, key, "--expires", "2020-01-01")
    home.update(f"update add nas.{ZONE} 60 A 192.0.2.1", key=key, status=2)
    log_says(home, f"grant {number} expired 2020-01-01T00:00:00.000Z")
    assert f"{number} {ZONE} update --key nas --expires 2020-01-01T00:00:00.000Z (expired)\n" in \
        home.server.ctl("grant", "list", ZONE).stdout
    home.server.ctl("grant", "add", ZONE, "update", "--key", "nas", status=1)
    home.server.ctl("grant", "remove", number)
    grant(home, key, "--expires", "1h")
    home.update(f"update add nas.{ZONE} 60 A 192.0.2.1", key=key)


@pytest.mark.parametrize("options, says", [
    (["--max", "0"], "max: must be 1 to 65535"), (["--max", "many"], "max: must be"), (["--rate", "6"], "rate 6: write so"),
    (["--rate", "6/1m,0"], "rate"), (["--name-rate", "0/1m"], "rate"), (["--expires", "soon"], "end soon: write"),
    (["--name", "a*.\\*"], "one pattern cannot have both"), (["--name", "a*.other.example."], "outside the zone"),
])
def test_grants_that_make_no_sense(home, options, says):
    assert says in home.server.ctl("grant", "add", ZONE, "update", "--key", home.key.name, *options, status=1).stderr


# ---- presets ----

@pytest.mark.parametrize("preset, options, grants", [
    ("host", [], ["update --key {key} --name self --types A,AAAA --max 16 --rate 30/1m"]),
    ("host", ["--name", "www"], ["update --key {key} --name www.{zone} --types A,AAAA --max 16 --rate 30/1m"]),
    ("acme", [], ["update --key {key} --name _acme-challenge.self --types TXT --max 8"]),
    ("acme", ["--name", "@"], ["update --key {key} --name _acme-challenge.{zone} --types TXT --max 8"]),
    ("dhcp", ["--name", "dyn"], ["update --key {key} --name *.dyn.{zone} --types A,PTR,TXT,AAAA,DHCID"]),
    ("dhcp", [], ["update --key {key} --name *.{zone} --types A,PTR,TXT,AAAA,DHCID"]),
    ("secondary", ["--from", "192.0.2.0/24"], ["transfer --key {key} --from 192.0.2.0/24",
                                               "notify --key {key} --from 192.0.2.0/24"]),
    ("admin", [], ["update --key {key}", "transfer --key {key}"]),
])
def test_presets_are_ordinary_grants(home, preset, options, grants):
    key = make_key(home, f"nas.{ZONE}")
    made = [home.server.ctl("grant", "preset", ZONE, preset, "--key", key.name, *options).stdout for _ in range(2)]
    assert made[0] == made[1]  # the second time they are there
    wanted = [f"{3 + i} {ZONE} " + line.format(key=key.name, zone=ZONE) + "\n" for i, line in enumerate(grants)]
    assert made[0].startswith("".join(wanted))
    assert home.server.ctl("grant", "list", ZONE).stdout.endswith("".join(wanted))


def test_presets_that_make_no_sense(home):
    key = make_key(home, "nas")
    for options, says in ((["host"], "is not named after a host"), (["acme"], "is not named after a host"),
                          (["admin", "--name", "www"], "about the whole zone"), (["guest"], "preset guest: is not known"),
                          (["host", "--name", "www.other.example."], "outside the zone")):
        assert says in home.server.ctl("grant", "preset", ZONE, *options, "--key", key.name, status=1).stderr
    home.server.ctl("grant", "preset", ZONE, "host", status=2)
    assert "3 " not in home.server.ctl("grant", "list", ZONE).stdout


def test_the_configuration_of_presets_works(home):
    """host and admin; the others are fed to their programs by the client suite."""
    key = make_key(home, f"nas.{ZONE}")
    text = home.server.ctl("grant", "preset", ZONE, "host", "--key", key.name).stdout
    script = text.split("\n", 3)[3].replace("ADDRESS", f"{home.server.address} {home.server.port}")
    roost.nsupdate(home.server, script, key=key)
    assert roost.values(home.server, key.name) == ["192.0.2.1"]
    lines = home.server.ctl("grant", "preset", ZONE, "admin", "--key", key.name).stdout.splitlines()
    update, dig = (line.replace("@ADDRESS", f"@{home.server.address} -p {home.server.port}").split() for line in lines[-2:])
    roost.run(update, input=f"server {home.server.address} {home.server.port}\nzone {ZONE}\n"
                            f"update add new.{ZONE} 60 A 192.0.2.3\nsend\n")
    assert f"new.{ZONE}." in roost.run(dig).stdout
