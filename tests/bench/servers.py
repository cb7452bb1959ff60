"""The servers that the benchmark compares: Echo, Gdnsd, Nsd, Knot, Bind, PowerDns, Roost. Each is a primary with one worker
for the zones of a data set, pinned on one core, with answers as short as its options allow. The peers limit no rates. Roost
does (loopback addresses, which it spares as a rule, too), at rates that nobody reaches here: each answer is accounted for.

CPU time and memory are those of the whole process group: a server may be several processes, and threads count anyway.
"""
import os
import re
import shutil
import socket
import sqlite3
import struct
import subprocess
import sys
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(TOP, "tests", "e2e"))
import roost  # noqa: E402

READY_WITHIN = 120  # seconds; a server that takes longer is left out
TICK = os.sysconf("SC_CLK_TCK")
RATE = "1000000"  # answers a second that one name or a zone's misses may have: the most that can be configured
TYPE_A = 1


def question(name, rdtype=TYPE_A):
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.rstrip(".").split("."))
    return struct.pack("!6H", os.getpid() & 0xffff, 0, 1, 0, 0, 0) + labels + struct.pack("!BHH", 0, rdtype, 1)


def group(pgid):
    """The processes of a process group."""
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            with open(f"/proc/{entry}/stat", encoding="utf-8", errors="replace") as stat:
                fields = stat.read().rpartition(")")[2].split()
        except OSError:  # it ended meanwhile
            continue
        if int(fields[2]) == pgid:
            yield int(entry), fields


class Server(roost.Process):
    """`data` is the data set it serves (see datasets.py); `key` lets its holder update every zone."""

    title = "?"
    signs = True  # whether it answers from signed zones
    durability = None  # what an acknowledged update rests on; None: takes no updates

    def __init__(self, directory, core, data, key=None):
        os.makedirs(directory)
        super().__init__(self.title.lower(), directory)
        self.core = core
        self.data = data
        self.key = key
        self.ready_after = None  # seconds from exec to the first right answer

    @classmethod
    def version(cls):
        """None if it is not installed."""
        return None

    def prepare(self):
        """Configuration and database; not part of the time until ready."""

    def start(self):
        self.prepare()
        begin = time.monotonic()
        with open(self.log, "ab") as log:
            self.popen = subprocess.Popen(["taskset", "-c", str(self.core), *self.argv()], cwd=self.directory,
                                          stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
        roost.processes.append(self)
        while not self.is_ready():
            if self.popen.poll() is not None:
                raise RuntimeError(f"{self.title} ended with {self.popen.returncode}: {self.tail(3)}")
            if time.monotonic() - begin > READY_WITHIN:
                raise RuntimeError(f"{self.title} not ready within {READY_WITHIN} s")
            time.sleep(0.002)
        self.ready_after = time.monotonic() - begin
        return self

    def is_ready(self):
        """Whether it gives the last record of the last zone."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.settimeout(0.2)
            s.connect((self.address, self.port))
            try:
                s.send(question(self.data.last_name))
                answer = s.recv(4096)
            except OSError:
                return False
        return self.is_right(answer)

    @staticmethod
    def is_right(answer):
        return answer[3] & 15 == 0 and struct.unpack("!H", answer[6:8])[0] > 0

    def cpu(self):
        """Seconds of CPU used so far, user and system. The clock of another process is (~pid << 3) | 2: see
        clock_getcpuclockid(3)."""
        return sum(time.clock_gettime((~pid << 3) | 2) for pid, _ in group(self.popen.pid))

    def memory(self):
        """Octets resident; what processes share counts once (PSS)."""
        total = 0
        for pid, _ in group(self.popen.pid):
            with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as rollup:
                total += int(re.search(r"^Pss:\s+(\d+) kB", rollup.read(), re.M)[1]) * 1024
        return total

    def write(self, name, text):
        path = os.path.join(self.directory, name)
        with open(path, "w", encoding="utf-8") as out:
            out.write(text)
        return path


def first_version(argv):
    """The first dotted number that the command prints, None if it cannot be run."""
    try:
        done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    except OSError:
        return None
    found = re.search(r"\d+(?:\.\d+)+", done.stdout)
    return found[0] if found else "?"


class Echo(Server):
    title = "echo"

    @classmethod
    def version(cls):
        return ""

    @staticmethod
    def is_right(answer):
        return True

    def argv(self):
        return [os.path.join(roost.BUILD, "bench", "echo"), f"{self.address}@{self.port}"]


class Gdnsd(Server):
    title = "gdnsd"
    signs = False

    @classmethod
    def version(cls):
        return first_version(["/usr/sbin/gdnsd", "-?"])

    def prepare(self):
        zones = os.path.join(self.directory, "zones")
        os.makedirs(zones)
        for zone, path in self.data.zones:
            os.symlink(path, os.path.join(zones, zone.rstrip(".")))
        self.write("config", f"""
options => {{
    listen => {{ {self.address}:{self.port} => {{ udp_threads = 1, tcp_threads = 1 }} }}
    run_dir = "{self.directory}/run"
    state_dir = "{self.directory}/state"
}}
""")

    def argv(self):
        return ["/usr/sbin/gdnsd", "-c", self.directory, "start"]


class Nsd(Server):
    title = "NSD"

    @classmethod
    def version(cls):
        return first_version(["/usr/sbin/nsd", "-v"])

    def prepare(self):
        zones = "".join(f'zone:\n    name: "{zone}"\n    zonefile: "{path}"\n' for zone, path in self.data.zones)
        self.configuration = self.write("nsd.conf", f"""
server:
    ip-address: {self.address}@{self.port}
    do-ip6: no
    server-count: 1
    username: ""
    chroot: ""
    zonesdir: "{self.directory}"
    database: ""
    pidfile: "{self.directory}/nsd.pid"
    xfrdir: "{self.directory}"
    xfrdfile: "{self.directory}/xfrd.state"
    zonelistfile: "{self.directory}/zone.list"
    minimal-responses: yes
    rrl-ratelimit: 0
remote-control:
    control-enable: no
{zones}""")

    def argv(self):
        return ["/usr/sbin/nsd", "-d", "-c", self.configuration]


class Knot(Server):
    title = "Knot"
    durability = "LMDB journal, mode robust: a sync a transaction, waiting updates of a zone in one; no zone file flush"

    @classmethod
    def version(cls):
        return first_version(["/usr/sbin/knotd", "-V"])

    def prepare(self):
        zones = "".join(f'  - domain: {zone}\n    file: "{path}"\n' for zone, path in self.data.zones)
        key = f"""
key:
  - id: {self.key.name}
    algorithm: {self.key.algorithm}
    secret: {self.key.secret}
acl:
  - id: update
    key: {self.key.name}
    action: update
""" if self.key else ""
        self.configuration = self.write("knot.conf", f"""
server:
    rundir: {self.directory}
    listen: {self.address}@{self.port}
    udp-workers: 1
    tcp-workers: 1
    background-workers: 1
control:
    listen: {self.directory}/knot.sock
log:
  - target: stderr
    any: warning
database:
    storage: {self.directory}
{key}
template:
  - id: default
    storage: {self.directory}
    zonefile-sync: -1
    {'acl: update' if self.key else ''}
zone:
{zones}""")

    def argv(self):
        return ["/usr/sbin/knotd", "-c", self.configuration]


class Bind(Server):
    title = "BIND"
    durability = "journal file, one sync an update"

    @classmethod
    def version(cls):
        return first_version(["/usr/sbin/named", "-v"])

    def prepare(self):
        allow = f"allow-update {{ key {self.key.name}; }};" if self.key else ""
        zones = ""
        for number, (zone, path) in enumerate(self.data.zones):
            own = os.path.join(self.directory, f"zone-{number}")  # named writes its journal beside it
            os.symlink(path, own)
            zones += f'zone "{zone}" {{ type primary; file "{own}"; {allow} }};\n'
        self.configuration = self.write("named.conf", f"""
{self.key.text() if self.key else ''}
options {{
	directory "{self.directory}";
	managed-keys-directory "{self.directory}";
	session-keyfile "{self.directory}/session.key";
	pid-file none;
	lock-file none;
	listen-on port {self.port} {{ {self.address}; }};
	listen-on-v6 {{ none; }};
	recursion no;
	dnssec-validation no;
	empty-zones-enable no;
	minimal-responses yes;
	notify no;
	allow-transfer {{ none; }};
}};
logging {{ category default {{ null; }}; }};
controls {{ }};
{zones}""")

    def argv(self):
        return ["/usr/sbin/named", "-f", "-n", "1", "-U", "1", "-c", self.configuration]


class PowerDns(Server):
    title = "PowerDNS"

    @classmethod
    def version(cls):
        return first_version(["/usr/sbin/pdns_server", "--version"])

    def prepare(self):
        zones = "".join(f'zone "{zone}" {{ type master; file "{path}"; }};\n' for zone, path in self.data.zones)
        named = self.write("named.conf", zones)
        self.write("pdns.conf", f"""
launch=bind
bind-config={named}
local-address={self.address}
local-port={self.port}
receiver-threads=1
distributor-threads=1
socket-dir={self.directory}
daemon=no
guardian=no
loglevel=2
security-poll-suffix=
""")

    def argv(self):
        return ["/usr/sbin/pdns_server", f"--config-dir={self.directory}"]


class PowerDnsSqlite(PowerDns):
    """With the backend that takes updates."""

    durability = "SQLite WAL, synchronous=FULL: a transaction an update"
    SCHEMA = "/usr/share/pdns-backend-sqlite3/schema/schema.sqlite3.sql"

    @classmethod
    def version(cls):
        return super().version() if os.path.exists(cls.SCHEMA) else None

    def prepare(self):
        database = os.path.join(self.directory, "pdns.db")
        named = self.write("named.conf", "".join(f'zone "{zone}" {{ type master; file "{path}"; }};\n'
                                                 for zone, path in self.data.zones))
        with open(self.SCHEMA, encoding="utf-8") as schema, sqlite3.connect(database) as handle:
            handle.execute("PRAGMA journal_mode=WAL")
            handle.executescript(schema.read())
            rows = subprocess.run(["zone2sql", "--gsqlite", "--transactions", f"--named-conf={named}"], stdout=subprocess.PIPE,
                                  stderr=subprocess.DEVNULL, text=True, check=True).stdout
            handle.executescript(rows)
            handle.execute("UPDATE domains SET type = 'MASTER'")
            handle.execute("INSERT INTO tsigkeys (name, algorithm, secret) VALUES (?, ?, ?)",
                           (self.key.name.rstrip("."), self.key.algorithm, self.key.secret))
            handle.execute("INSERT INTO domainmetadata (domain_id, kind, content) SELECT id, 'TSIG-ALLOW-DNSUPDATE', ? FROM domains",
                           (self.key.name.rstrip("."),))
        handle.close()
        self.write("pdns.conf", f"""
launch=gsqlite3
gsqlite3-database={database}
gsqlite3-pragma-synchronous=2
dnsupdate=yes
allow-dnsupdate-from=127.0.0.0/8
zone-cache-refresh-interval=0
local-address={self.address}
local-port={self.port}
receiver-threads=1
distributor-threads=1
socket-dir={self.directory}
daemon=no
guardian=no
loglevel=2
security-poll-suffix=
""")


class Roost(Server):
    title = "Roost"
    durability = "SQLite WAL, synchronous=FULL: a sync a commit, waiting updates in one; reply after it"

    @classmethod
    def version(cls):
        if not all(shutil.which(os.path.join(roost.BUILD, name)) for name in ("roostd", "roostctl")):
            return None
        return first_version([os.path.join(roost.BUILD, "roostd"), "--version"])

    def prepare(self):
        self.db = os.path.join(self.directory, "roost.db")
        done = subprocess.run([os.path.join(roost.BUILD, "bench", "fill"), self.db, self.data.bundle],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"fill: {done.stdout.strip()}")
        if self.key:
            roost.roostctl(self.db, "key", "add", self.key.name, "--algorithm", self.key.algorithm, "--secret", self.key.secret)
            for zone, _ in self.data.zones:
                roost.roostctl(self.db, "grant", "add", zone, "update", "--key", self.key.name)

    def argv(self):
        return [os.path.join(roost.BUILD, "roostd"), "-d", self.db, "-l", f"{self.address}@{self.port}", "-w", "1",
                "--rate-limit-enabled", "yes", "--rate-limit-answers", RATE, "--rate-limit-negative", RATE,
                "--rate-limit-errors", RATE]


ALL = [Echo, Gdnsd, Nsd, Knot, Bind, PowerDns, Roost]
