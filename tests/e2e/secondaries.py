"""The secondaries other people run, each with a configuration of its own in a temporary directory: Bind, Knot, Nsd.

Each serves its zones from one primary, with NOTIFY and transfers signed by `key` when there is one, keeps away from the
system's own configuration and control ports, and gives its zones to anybody, so that a test can compare.
"""
import os
import re

import roost


class Secondary(roost.Process):
    def __init__(self, zones, primary, key=None, start=True):
        super().__init__(type(self).__name__.lower())
        self.zones = [zones] if isinstance(zones, str) else list(zones)
        self.primary = primary
        self.key = key
        self.configuration = os.path.join(self.directory, f"{self.name}.conf")
        if start:
            self.start()

    def start(self):
        with open(self.configuration, "w", encoding="utf-8") as out:
            out.write(self.configure())
        return super().start()

    def configure(self):
        """The text of the configuration file."""
        raise NotImplementedError

    def serial(self, zone=None):
        return roost.serial(self, zone or self.zones[0])

    def wait_serial(self, serial, zone=None, seconds=None):
        roost.wait_until(lambda: self.serial(zone) == serial, seconds,
                         f"{self.name}: serial {serial} of {zone or self.zones[0]}")

    def axfr(self, zone=None):
        return roost.axfr(self, zone or self.zones[0])

    def transfers(self):
        """"AXFR" or "IXFR" for every transfer it took whole, oldest first, from its log. NSD's log does not tell."""
        raise NotImplementedError


class Bind(Secondary):
    def configure(self):
        key = f' key "{self.key.name}"' if self.key else ""
        zones = "".join(f"""
zone "{zone}" {{
	type secondary;
	file "zone-{number}";
	masterfile-format text;
	primaries {{ {self.primary.address} port {self.primary.port}{key}; }};
	{f'allow-notify {{{key}; }};' if key else ''}
	min-retry-time 1;
}};
""" for number, zone in enumerate(self.zones))
        return f"""
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
	notify no;
	allow-transfer {{ any; }};
	transfers-per-ns 20;
}};
controls {{ }};
{zones}
"""

    def argv(self):
        return ["/usr/sbin/named", "-g", "-d", "3", "-n", "1", "-c", self.configuration]

    def transfers(self):
        # "got nonincremental response" is an AXFR's content, in answer to whatever was asked.
        kinds = {"incremental": "IXFR", "nonincremental": "AXFR"}
        return [kinds[word] for word in re.findall(r"got (incremental|nonincremental) response", self.text())]


class Knot(Secondary):
    def configure(self):
        key = f"\n    key: {self.key.name}" if self.key else ""
        secret = f"""
key:
  - id: {self.key.name}
    algorithm: {self.key.algorithm}
    secret: {self.key.secret}
""" if self.key else ""
        zones = "".join(f"\n  - domain: {zone}" for zone in self.zones)
        return f"""
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
    any: debug
database:
    storage: {self.directory}
{secret}
remote:
  - id: primary
    address: {self.primary.address}@{self.primary.port}{key}
acl:
  - id: from-primary
    address: {self.primary.address}
    action: notify{key}
  - id: anybody
    action: transfer
template:
  - id: default
    storage: {self.directory}
    master: primary
    acl: [from-primary, anybody]
    retry-min-interval: 1
zone:{zones}
"""

    def argv(self):
        return ["/usr/sbin/knotd", "-c", self.configuration]

    def transfers(self):
        return re.findall(r"([AI]XFR), incoming, remote [^\n]*, finished", self.text())


class Nsd(Secondary):
    def configure(self):
        key = self.key.name if self.key else "NOKEY"
        secret = f"""
key:
    name: "{self.key.name}"
    algorithm: {self.key.algorithm}
    secret: "{self.key.secret}"
""" if self.key else ""
        zones = "".join(f"""
zone:
    name: "{zone}"
    zonefile: "zone-{number}"
    allow-notify: {self.primary.address} {key}
    request-xfr: {self.primary.address}@{self.primary.port} {key}
    provide-xfr: 0.0.0.0/0 NOKEY
    min-retry-time: 1
""" for number, zone in enumerate(self.zones))
        return f"""
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
    xfrd-reload-timeout: 0
    verbosity: 3
remote-control:
    control-enable: no
{secret}
{zones}
"""

    def argv(self):
        return ["/usr/sbin/nsd", "-d", "-c", self.configuration]
