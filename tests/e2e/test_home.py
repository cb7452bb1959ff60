"""The main job: the line gets a new address, nsupdate tells Roost, and everyone finds the home again."""
import os
import stat

import dns.flags
import dns.rcode
import pytest
import roost


def test_the_printed_lines_work(tmp_path):
    """dig answers; nsupdate -k changes A and AAAA; the next dig shows it and the serial went up."""
    home = roost.Home()
    keyfile = tmp_path / "home.key"
    keyfile.write_text(roost.roostctl(home.db, "init", home.zone).stdout)
    before = home.serial()
    assert "status: NOERROR" in roost.dig(home.server, home.host, "A")
    script = [f"zone {home.zone}", f"update delete {home.host} A", f"update add {home.host} 60 A 203.0.113.7",
              f"update delete {home.host} AAAA", f"update add {home.host} 60 AAAA 2001:db8::7"]
    roost.nsupdate(home.server, script, "-k", keyfile)
    assert roost.dig(home.server, "+short", home.host, "A").split() == ["203.0.113.7"]
    assert roost.dig(home.server, "+short", home.host, "AAAA").split() == ["2001:db8::7"]
    assert home.serial() == before + 1


def test_nsupdate_finds_the_zone_itself():
    """Without a `zone` line nsupdate asks for the SOA, signed, and takes it from the authority section too."""
    home = roost.Home()
    roost.nsupdate(home.server, ["update add new.sub.home.example 60 A 192.0.2.9"], key=home.key)
    assert roost.values(home.server, "new.sub.home.example") == ["192.0.2.9"]


def test_update_over_tcp():
    home = roost.Home()
    home.update("update add tcp.home.example 60 A 192.0.2.10", options=["-v"])
    assert roost.values(home.server, "tcp.home.example", tcp=True) == ["192.0.2.10"]


def test_a_large_update_goes_over_tcp_by_itself():
    home = roost.Home()
    before = home.serial()
    home.update(*[f"update add many{i}.home.example 60 A 192.0.2.{i}" for i in range(200)])
    assert roost.values(home.server, "many199.home.example") == ["192.0.2.199"]
    assert home.serial() == before + 1


@pytest.mark.parametrize("algorithm", ["hmac-md5", "hmac-sha1", "hmac-sha224", "hmac-sha256", "hmac-sha384", "hmac-sha512"])
def test_every_algorithm(algorithm):
    home = roost.Home(start=False)
    key = roost.Key.parse(roost.roostctl(home.db, "key", "add", "other", "--algorithm", algorithm).stdout)
    assert key.algorithm.rstrip(".") in (algorithm, "hmac-md5.sig-alg.reg.int")
    roost.roostctl(home.db, "grant", "add", home.zone, "update", "--key", "other")
    home.server.start()
    home.update(f"update add a.home.example 60 TXT {algorithm}", key=key)
    assert roost.values(home.server, "a.home.example", "TXT") == [f'"{algorithm}"']


def test_unsigned_and_wrongly_signed_updates_are_refused_and_logged():
    home = roost.Home()
    before = home.serial()
    add = "update add evil.home.example 60 A 192.0.2.66"
    refused = home.update(add, key=None, status=2)
    assert "REFUSED" in refused.stderr
    stranger = home.update(add, key=roost.Key("stranger"), status=2)
    assert "NOTAUTH" in stranger.stderr or "BADKEY" in stranger.stderr
    forged = home.update(add, key=roost.Key(home.key.name), status=2)
    assert "NOTAUTH" in forged.stderr or "BADSIG" in forged.stderr
    assert home.serial() == before
    assert roost.query(home.server, "evil.home.example").rcode() == dns.rcode.NXDOMAIN
    log = home.server.text()
    assert "REFUSED" in log and "home.example" in log and "127.0.0.1" in log, log
    assert "BADKEY" in log and "stranger" in log, log
    assert "BADSIG" in log, log


def test_a_key_without_grant_is_refused():
    home = roost.Home(start=False)
    key = roost.Key.parse(roost.roostctl(home.db, "key", "add", "lonely").stdout)
    home.server.start()
    assert "REFUSED" in home.update("update add x.home.example 60 A 192.0.2.1", key=key, status=2).stderr
    assert "lonely" in home.server.text()


def test_grants_limit_names_and_types():
    home = roost.Home(start=False)
    key = roost.Key.parse(roost.roostctl(home.db, "key", "add", "nas").stdout)
    roost.roostctl(home.db, "grant", "add", home.zone, "update", "--key", "nas", "--name", "nas.home.example", "--types", "A,AAAA")
    home.server.start()
    home.update("update add nas.home.example 60 A 192.0.2.20", key=key)
    assert roost.values(home.server, "nas.home.example") == ["192.0.2.20"]
    home.server.ctl("record", "add", home.zone, "nas", "TXT", "another's")
    for line in ("update add www2.home.example 60 A 192.0.2.20", "update add nas.home.example 60 TXT no",
                 "update delete nas.home.example", "update add x.nas.home.example 60 A 192.0.2.1"):
        assert "REFUSED" in home.update(line, key=key, status=2).stderr, line


def test_knsupdate():
    home = roost.Home()
    script = f"server 127.0.0.1 {home.server.port}\nzone home.example.\ndel home A\nadd home.home.example. 60 A 203.0.113.8\nsend\n"
    roost.run(["knsupdate", "-y", home.key.option()], input=script.replace("del home A", "del home.home.example. A"))
    assert roost.values(home.server, home.host) == ["203.0.113.8"]
    roost.run(["knsupdate", "-v", "-y", home.key.option()], input=script.replace("del home A", "del home.home.example. A").replace("203.0.113.8", "203.0.113.9"))
    assert roost.values(home.server, home.host) == ["203.0.113.9"]


def test_kdig_reads_it_over_udp_and_tcp():
    home = roost.Home()
    for transport in ("+notcp", "+tcp"):
        out = roost.run(["kdig", "@127.0.0.1", "-p", home.server.port, transport, "+short", "www.home.example", "A"]).stdout
        assert out.split()[-1] == roost.values(home.server, home.host)[0]
    out = roost.run(["kdig", "@127.0.0.1", "-p", home.server.port, "-y", home.key.option(), "home.example", "AXFR"]).stdout
    assert out.count("SOA") >= 2 and "WARNING" not in out


def test_ipv6_listener():
    home = roost.Home(address="::1")
    home.update(f"update add six.home.example 60 AAAA 2001:db8::6")
    assert roost.values(home.server, "six.home.example", "AAAA", tcp=True) == ["2001:db8::6"]


def test_several_listeners_answer_from_the_address_asked():
    home = roost.Home(start=False)
    other = roost.free_port()
    home.server.args += ["-l", f"127.0.0.2@{other}", "-l", f"0.0.0.0@{roost.free_port()}"]
    home.server.start()
    wildcard = int(home.server.args[-1].rsplit("@", 1)[1])
    for address, port in (("127.0.0.2", other), ("127.0.0.3", wildcard), ("127.0.0.4", wildcard)):
        out = roost.run(["dig", f"@{address}", "-p", port, "+short", "+tries=1", home.host, "A"]).stdout
        assert out.split() == roost.values(home.server, home.host)


def test_database_and_socket_are_for_the_owner_only():
    home = roost.Home()
    for path in (home.db, home.db + ".sock"):
        assert stat.S_IMODE(os.stat(path).st_mode) & 0o077 == 0, path


@pytest.mark.parametrize("secondary", ["Bind", "Knot", "Nsd"])
def test_secondaries_follow_without_being_asked(secondary):
    """AXFR at first, then NOTIFY and IXFR for every change, and the zones are equal record by record."""
    import secondaries
    home = roost.Home()
    follower = getattr(secondaries, secondary)(home.zone, home.server, home.key, start=False)
    home.server.ctl("peer", "add", home.zone, f"127.0.0.1@{follower.port}", "--key", home.key.name)
    follower.start()
    follower.wait_serial(home.serial())
    for i in range(5):
        home.move(f"203.0.113.{10 + i}")
        home.move(f"2001:db8::{10 + i}")
        home.update(f"update add host{i}.home.example 300 TXT \"number {i}\"", f"update delete host{i - 1}.home.example")
        follower.wait_serial(home.serial())
    assert follower.axfr() == roost.axfr(home.server, home.zone, home.key)
    if secondary != "Nsd":
        kinds = follower.transfers()
        assert kinds[0] == "AXFR" and "IXFR" in kinds[1:] and "AXFR" not in kinds[1:], kinds


def test_secondaries_catch_up_after_both_were_away():
    """What was committed while a secondary was down reaches it; what was committed just before a crash too."""
    import secondaries
    home = roost.Home()
    knot = secondaries.Knot(home.zone, home.server, home.key, start=False)
    home.server.ctl("peer", "add", home.zone, f"127.0.0.1@{knot.port}", "--key", home.key.name)
    knot.start()
    knot.wait_serial(home.serial())
    knot.stop()
    for i in range(3):
        home.move(f"203.0.113.{20 + i}")
    knot.start()
    knot.wait_serial(home.serial())
    home.server.kill()
    home.server.start()
    home.move("203.0.113.99")
    knot.wait_serial(home.serial())
    assert roost.values(knot, home.host) == ["203.0.113.99"]


def test_transfers_need_a_grant():
    home = roost.Home()
    assert "Transfer failed" in roost.dig(home.server, home.zone, "AXFR")
    assert roost.query(home.server, home.zone, "AXFR", tcp=True).rcode() == dns.rcode.REFUSED
    assert home.server.ctl("grant", "add", home.zone, "transfer", "--from", "127.0.0.0/8").returncode == 0
    assert "SOA" in roost.dig(home.server, home.zone, "AXFR")


def test_ixfr_forms():
    """Several deltas; up to date; a serial that the journal does not have gives the whole zone."""
    home = roost.Home()
    start = home.serial()
    for i in range(3):
        home.move(f"203.0.113.{i + 1}")
    messages = roost.records(roost.transfer(home.server, home.zone, "IXFR", home.key, serial=start))
    soas = [record for record in messages if record[2] == "SOA"]
    assert len(soas) == 2 + 2 * 3
    assert len([record for record in messages if record[2] == "A"]) == 6
    current = roost.records(roost.transfer(home.server, home.zone, "IXFR", home.key, serial=home.serial()))
    assert [record[2] for record in current] == ["SOA"]
    whole = roost.records(roost.transfer(home.server, home.zone, "IXFR", home.key, serial=(start - 100) % 2**32))
    assert sorted(set(whole)) == roost.axfr(home.server, home.zone, home.key)


def test_every_message_of_a_transfer_is_signed():
    home = roost.Home()
    for start in range(0, 6000, 600):
        home.update(*[f"update add h{i}.home.example 60 TXT \"{'x' * 60}{i}\"" for i in range(start, start + 600)])
    messages = roost.transfer(home.server, home.zone, "AXFR", home.key)
    assert len(messages) > 3
    assert all(message.had_tsig for message in messages)
    assert len(roost.records(messages)) > 6000


def test_a_resent_datagram_gets_the_first_answer():
    """A lost answer must not turn "name not in use" into YXDOMAIN (RFC 2136 §3, clients send the identical datagram)."""
    import socket

    import dns.message
    import dns.update
    home = roost.Home()
    update = dns.update.UpdateMessage(home.zone, keyring=home.key.dnspython())
    update.absent("once")
    update.add("once", 60, "A", "192.0.2.77")
    wire = update.to_wire()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(10)
        answers = []
        for _ in range(3):
            sock.sendto(wire, ("127.0.0.1", home.server.port))
            answers.append(sock.recv(4096))
    assert dns.message.from_wire(answers[0], keyring=home.key.dnspython(), request_mac=update.mac).rcode() == dns.rcode.NOERROR
    assert answers[0] == answers[1] == answers[2]


def test_prerequisites():
    home = roost.Home()
    home.update("update add p.home.example 60 A 192.0.2.1", "update add p.home.example 60 A 192.0.2.2")
    good = ["prereq yxdomain p.home.example", "prereq nxdomain q.home.example", "prereq yxrrset p.home.example A",
            "prereq nxrrset p.home.example TXT",
            "prereq yxrrset p.home.example A 192.0.2.1\nprereq yxrrset p.home.example A 192.0.2.2"]
    for i, prereq in enumerate(good):
        home.update(*prereq.split("\n"), f"update add ok{i}.home.example 60 A 192.0.2.9")
        assert roost.values(home.server, f"ok{i}.home.example") == ["192.0.2.9"], prereq
    bad = {"prereq yxdomain q.home.example": "NXDOMAIN", "prereq nxdomain p.home.example": "YXDOMAIN",
           "prereq yxrrset p.home.example TXT": "NXRRSET", "prereq nxrrset p.home.example A": "YXRRSET",
           "prereq yxrrset p.home.example A 192.0.2.1": "NXRRSET"}
    before = home.serial()
    for prereq, rcode in bad.items():
        refused = home.update(prereq, "update add no.home.example 60 A 192.0.2.9", status=2)
        assert rcode in refused.stderr, (prereq, refused.stderr)
    assert home.serial() == before
    home.update("prereq yxdomain p.home.example")
    assert home.serial() == before
    assert not home.server.text().count("SERVFAIL")


def test_an_update_without_effect_changes_no_serial():
    home = roost.Home()
    home.update("update add same.home.example 60 A 192.0.2.1")
    before = home.serial()
    home.update("update add same.home.example 60 A 192.0.2.1")
    home.update("update delete same.home.example A", "update add same.home.example 60 A 192.0.2.1")
    home.update("update delete nothing.home.example")
    assert home.serial() == before


def test_other_zones_and_names_outside():
    home = roost.Home()
    outside = roost.nsupdate(home.server, ["zone home.example", "update add www.example.org 60 A 192.0.2.1"], key=home.key, status=2)
    assert "NOTZONE" in outside.stderr or "not in zone" in outside.stderr.lower()
    unknown = roost.nsupdate(home.server, ["zone other.example", "update add www.other.example 60 A 192.0.2.1"], key=home.key, status=2)
    assert "NOTAUTH" in unknown.stderr
    assert roost.query(home.server, "www.example.org").rcode() == dns.rcode.REFUSED
