"""When connections or descriptors run out: who must make room, and that it is over when the shortage is."""
import os
import resource
import shutil
import socket
import struct
import time

import dns.exception
import dns.message
import dns.query
import dns.rcode
import dns.update
import roost


def framed(message):
    wire = message.to_wire()
    return struct.pack("!H", len(wire)) + wire


def answered(home):
    """Whether a new TCP client gets an answer."""
    try:
        return roost.query(home.server, home.host, tcp=True, seconds=2).rcode() == dns.rcode.NOERROR
    except (OSError, EOFError, dns.exception.DNSException):
        return False


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
        fields = stat.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class FewFiles:
    """Leaves the server no descriptor beyond those it has."""

    def __init__(self, server):
        self.pid = server.popen.pid

    def __enter__(self):
        self.before = resource.prlimit(self.pid, resource.RLIMIT_NOFILE)
        used = max(int(fd) for fd in os.listdir(f"/proc/{self.pid}/fd"))
        resource.prlimit(self.pid, resource.RLIMIT_NOFILE, (used + 1, self.before[1]))

    def __exit__(self, *_):
        resource.prlimit(self.pid, resource.RLIMIT_NOFILE, self.before)


def test_slow_readers_do_not_lock_out_others():
    """They ask for much and take an octet now and then: never idle, never over the write time-out."""
    count = 8
    home = roost.Home("--tcp-connections", count, "--tcp-idle", "500ms", workers=1)
    update = dns.update.UpdateMessage(home.zone, keyring=home.key.dnspython())
    for number in range(120):
        update.add("big", 60, "TXT", f'"{number:04}' + 200 * "x" + '"')
    assert dns.query.tcp(update, home.server.address, port=home.server.port, timeout=10).rcode() == dns.rcode.NOERROR
    question = framed(dns.message.make_query(f"big.{home.zone}", "TXT"))
    slow = []
    for _ in range(count):
        stream = socket.socket()
        stream.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        stream.connect((home.server.address, home.server.port))
        stream.sendall(question * 400)
        slow.append(stream)
    time.sleep(1)
    for stream in slow:
        stream.recv(1)
    assert answered(home)
    for stream in slow:
        stream.close()


def test_connections_when_descriptors_run_out():
    home = roost.Home(workers=1)
    with FewFiles(home.server):
        assert not answered(home)
        assert roost.values(home.server, home.host) is not None  # UDP is not touched by it
    roost.wait_until(lambda: answered(home), what="an answer by TCP")
    assert "no more connections can be accepted" in home.server.text()


def test_the_control_socket_when_descriptors_run_out():
    home = roost.Home(workers=1)
    with FewFiles(home.server), socket.socket(socket.AF_UNIX) as control:
        control.connect(home.db + ".sock")
        time.sleep(0.2)
        before = cpu_seconds(home.server.popen.pid)
        time.sleep(1)
        assert cpu_seconds(home.server.popen.pid) - before < 0.3
    home.server.ctl("status")


def test_a_low_limit_of_files_leaves_some_for_administration():
    """The limit cannot be raised: then there are fewer connections, so that strangers do not take the last descriptor."""
    limit = 128
    home = roost.Home("--tcp-idle", "60s", workers=2, start=False)
    start = home.server.argv
    drop = ["setpriv", "--bounding-set=-sys_resource"] if os.geteuid() == 0 else []
    home.server.argv = lambda: [*drop, shutil.which("prlimit"), f"--nofile={limit}:{limit}", *start()]
    home.server.start()
    strangers = [socket.create_connection((home.server.address, home.server.port)) for _ in range(2 * limit)]
    assert answered(home)
    home.server.ctl("status")
    home.move("192.0.2.77")
    assert "no more connections can be accepted" not in home.server.text()
    for stream in strangers:
        stream.close()
