"""The harness of the end-to-end tests: real programs on free ports of 127.0.0.1, and short ways to ask them things.

ROOST_BUILD names the directory of the programs under test (build, build/asan, build/tsan). Every process started here is
known in `processes`; what a test leaves running, conftest.py ends after it, with the same checks as an orderly stop.
"""
import base64
import dataclasses
import fcntl
import os
import random
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.query
import dns.rdatatype
import dns.tsig

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(TOP, "tools", "dev"))
import sanitizers  # noqa: E402

BUILD = os.environ.get("ROOST_BUILD", os.path.join(TOP, "build"))
SANITIZED = os.path.basename(os.path.normpath(BUILD)) in ("asan", "tsan")
# What a test waits for takes milliseconds; the bound only ends a test that would fail anyway. Sanitizers are slow to start.
PATIENCE = 60 if SANITIZED else 15

processes = []  # everything started and not yet ended, oldest first
scratch = None  # the running test's directory, set by conftest.py


# ---- Waiting, ports, keys ----

def wait_until(condition, seconds=None, what="the condition"):
    """Calls condition() until it gives something true, and returns that; AssertionError after so many seconds."""
    end = time.monotonic() + (seconds or PATIENCE)
    while True:
        result = condition()
        if result:
            return result
        assert time.monotonic() < end, f"{what}: not within {seconds or PATIENCE} s"
        time.sleep(0.01)


_ports_given = {}  # port -> its lock file, open as long as we live


def _reserve(port):
    """Whether the port is ours now. A server that is killed and started again leaves its port free for a moment: the lock
    keeps other test runs on this machine away from it."""
    directory = os.path.join(tempfile.gettempdir(), "roost-test-ports")
    os.makedirs(directory, exist_ok=True)
    lock = open(os.path.join(directory, str(port)), "w", encoding="ascii")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock.close()
        return False
    _ports_given[port] = lock
    return True


def free_port(address="127.0.0.1"):
    """A port free for both UDP and TCP, outside the range of ports that the kernel gives to clients, and not of another
    test run."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    while True:
        port = random.randrange(20000, 32000)
        if port in _ports_given:
            continue
        try:
            with socket.socket(family, socket.SOCK_DGRAM) as udp, socket.socket(family, socket.SOCK_STREAM) as tcp:
                udp.bind((address, port))
                tcp.bind((address, port))
        except OSError:
            continue
        if _reserve(port):
            return port


@dataclasses.dataclass
class Key:
    """A TSIG key. Without a secret it gets a random one."""
    name: str
    secret: str = dataclasses.field(default_factory=lambda: base64.b64encode(os.urandom(32)).decode())
    algorithm: str = "hmac-sha256"

    @classmethod
    def parse(cls, text):
        """From the form that nsupdate -k reads and `roostctl key add` prints."""
        found = re.search(r'key\s+"?([^"\s]+)"?\s*\{\s*algorithm\s+"?([^";\s]+)"?;\s*secret\s+"([^"]+)";', text)
        assert found, f"no key in {text!r}"
        return cls(name=found[1], algorithm=found[2], secret=found[3])

    def text(self):
        return f'key "{self.name}" {{ algorithm {self.algorithm}; secret "{self.secret}"; }};\n'

    def option(self):
        """What `nsupdate -y` and `dig -y` take."""
        return f"{self.algorithm}:{self.name}:{self.secret}"

    def dnspython(self):
        algorithm = {"hmac-md5": "hmac-md5.sig-alg.reg.int"}.get(self.algorithm, self.algorithm)
        return dns.tsig.Key(self.name, self.secret, algorithm)


# ---- Processes ----

class Process:
    """A server in the foreground, its output in a file, and the address it answers DNS on."""

    def __init__(self, name, directory=None, address="127.0.0.1", port=None):
        self.name = name
        # Short: control sockets in it must fit into sockaddr_un.
        self.directory = directory or tempfile.mkdtemp(prefix=f"{name}-", dir=scratch)
        self.address = address
        self.port = port or free_port(address)
        self.log = os.path.join(self.directory, f"{name}-{self.port}.log")
        self.popen = None

    def argv(self):
        raise NotImplementedError

    def start(self):
        assert self.popen is None, f"{self.name} runs already"
        with open(self.log, "ab") as log:
            self.popen = subprocess.Popen(self.argv(), cwd=self.directory, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                          env=sanitizers.environment(), start_new_session=True)
        processes.append(self)
        wait_until(self.answers, what=f"{self.name} answering on {self.address}@{self.port}")
        return self

    def answers(self):
        """Whether it answers a query, whatever the answer. Fails at once when the program has ended."""
        assert self.popen.poll() is None, f"{self.name} ended with {self.popen.returncode}:\n{self.tail()}"
        probe = dns.message.make_query(".", "SOA")
        try:
            dns.query.udp(probe, self.address, port=self.port, timeout=0.2)
            return True
        except (dns.exception.DNSException, OSError):
            return False

    def text(self):
        with open(self.log, encoding="utf-8", errors="replace") as log:
            return log.read()

    def tail(self, lines=40):
        return "\n".join(self.text().splitlines()[-lines:])

    def running(self):
        return self.popen is not None and self.popen.poll() is None

    def end(self, signum):
        """Sends the signal, waits, returns the exit status (negative: the signal that ended it)."""
        if self in processes:
            processes.remove(self)
        popen, self.popen = self.popen, None
        try:
            if popen.poll() is None:
                popen.send_signal(signum)
            return popen.wait(PATIENCE)
        finally:
            try:  # its children, and itself if it would not end
                os.killpg(popen.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            popen.wait()

    def stop(self):
        self.end(signal.SIGTERM)

    def kill(self):
        """As a crash or power cut would: no chance to tidy up."""
        self.end(signal.SIGKILL)

    def restart(self):
        self.stop()
        return self.start()


class Roostd(Process):
    """roostd on a database file. `listen` are addresses beside the main one; `args` further options."""

    def __init__(self, db, *args, address="127.0.0.1", port=None, workers=None, start=True):
        super().__init__("roostd", os.path.dirname(os.path.abspath(db)), address, port)
        self.db = os.path.abspath(db)
        self.args = [str(arg) for arg in args]
        self.workers = workers
        if start:
            self.start()

    def argv(self):
        workers = ["-w", str(self.workers)] if self.workers else []
        return [os.path.join(BUILD, "roostd"), "-d", self.db, "-l", f"{self.address}@{self.port}", *workers, *self.args]

    def check_log(self):
        report = sanitizers.report_in(self.text())
        assert report is None, f"{report}\n{self.text()[-20000:]}"

    def stop(self):
        status = self.end(signal.SIGTERM)
        self.check_log()
        assert status == 0, f"roostd ended with {status} on SIGTERM:\n{self.tail()}"

    def kill(self):
        super().kill()
        self.check_log()

    def ctl(self, *args, **more):
        return roostctl(self.db, *args, **more)


class Home:
    """The starter zone of `roostctl init`, its key, and a roostd that serves it."""

    zone = "home.example"
    host = "home.home.example"

    def __init__(self, *args, start=True, **more):
        self.db = os.path.join(tempfile.mkdtemp(prefix="home-", dir=scratch), "roost.db")
        self.key = Key.parse(roostctl(self.db, "init", self.zone).stdout)
        self.server = Roostd(self.db, *args, start=start, **more)

    def update(self, *lines, **more):
        """Sends the lines as one signed UPDATE of the zone by nsupdate."""
        more.setdefault("key", self.key)
        return nsupdate(self.server, [f"zone {self.zone}", *lines], *more.pop("options", ()), **more)

    def move(self, address):
        """What a router's hook does: the host gets another address."""
        rdtype = "AAAA" if ":" in address else "A"
        self.update(f"update delete {self.host} {rdtype}", f"update add {self.host} 60 {rdtype} {address}")

    def serial(self):
        return serial(self.server, self.zone)


def end_all():
    """Ends what still runs, newest first; returns what was wrong with it, as text."""
    problems = []
    for process in reversed(list(processes)):
        try:
            process.stop()
        except (AssertionError, subprocess.TimeoutExpired) as wrong:
            problems.append(str(wrong))
    return "\n".join(problems)


# ---- Command-line programs ----

def run(argv, status=0, seconds=None, **more):
    """Runs a program to its end. `status`: what it must exit with; None: anything. Returns the CompletedProcess, as text."""
    done = subprocess.run([str(arg) for arg in argv], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          errors="replace", timeout=seconds or 4 * PATIENCE, env=sanitizers.environment(),
                          **({"stdin": subprocess.DEVNULL} if "input" not in more else {}), **more)
    report = sanitizers.report_in(done.stderr)
    assert report is None, done.stderr
    assert status is None or done.returncode == status, \
        f"{' '.join(map(str, argv))}: status {done.returncode}\n{done.stdout}{done.stderr}"
    return done


def roostctl(db, *args, status=0, **more):
    """`roostctl -d DB ARGS…`."""
    return run([os.path.join(BUILD, "roostctl"), "-d", db, *args], status=status, **more)


def dig(server, *args, key=None):
    """What dig prints."""
    keyed = ["-y", key.option()] if key else []
    return run(["dig", f"@{server.address}", "-p", server.port, *keyed, "+tries=2", "+time=5", *args]).stdout


def nsupdate(server, script, *args, key=None, status=0):
    """Runs nsupdate (with further options, such as "-v" for TCP) on lines or a text; `server` and `send` are added unless they
    are there."""
    lines = script.splitlines() if isinstance(script, str) else list(script)
    lines = [line.strip() for line in lines if line.strip()]
    if not any(line.startswith("server ") for line in lines):
        lines.insert(0, f"server {server.address} {server.port}")
    if "send" not in lines:
        lines.append("send")
    keyed = ["-y", key.option()] if key else []
    return run(["nsupdate", *keyed, *args], status=status, input="\n".join(lines) + "\n")


# ---- Questions by dnspython ----

def query(server, name, rdtype="A", tcp=False, key=None, rd=False, seconds=5, **more):
    """The answer to one question; `more` goes to dns.message.make_query (use_edns, payload, want_dnssec, …)."""
    question = dns.message.make_query(name, rdtype, **more)
    if not rd:
        question.flags &= ~dns.flags.RD
    if key:
        question.use_tsig(key.dnspython())
    ask = dns.query.tcp if tcp else dns.query.udp
    return ask(question, server.address, port=server.port, timeout=seconds)


def values(server, name, rdtype="A", **more):
    """The sorted RDATA texts of the answer section's records of that type."""
    wanted = dns.rdatatype.from_text(rdtype)
    answer = query(server, name, rdtype, **more).answer
    return sorted(rdata.to_text() for rrset in answer if rrset.rdtype == wanted for rdata in rrset)


def serial(server, zone):
    """The zone's serial there, or None when it has no authoritative answer."""
    try:
        answer = query(server, zone, "SOA", seconds=1)
    except (dns.exception.DNSException, OSError):
        return None
    if not answer.flags & dns.flags.AA:
        return None
    return next((rrset[0].serial for rrset in answer.answer if rrset.rdtype == dns.rdatatype.SOA), None)


def transfer(server, zone, rdtype="AXFR", key=None, seconds=60, **more):
    """The messages of an AXFR or IXFR (then with serial=N), their TSIG checked when there is a key."""
    keyed = {}
    if key:
        tsig = key.dnspython()
        keyed = {"keyring": {tsig.name: tsig}, "keyname": tsig.name, "keyalgorithm": tsig.algorithm}
    return list(dns.query.xfr(server.address, zone, rdtype, port=server.port, relativize=False, timeout=10,
                              lifetime=seconds, **keyed, **more))


def records(messages):
    """Every record of a transfer in order, as (owner, TTL, type, RDATA) texts. The owner in lower case."""
    return [(rrset.name.to_text().lower(), rrset.ttl, dns.rdatatype.to_text(rrset.rdtype), rdata.to_text())
            for message in messages for rrset in message.answer for rdata in rrset]


def axfr(server, zone, key=None, **more):
    """The zone's content there, sorted, each record once: two servers agree if these are equal."""
    return sorted(set(records(transfer(server, zone, "AXFR", key, **more))))
