"""Other people's primaries, each with master files of its own, to compare answers with: BindPrimary, KnotPrimary, NsdPrimary.

`zones` is a dict from zone name to the path of its master file. Each runs in a temporary directory, away from the system's own
configuration and control ports, with answers kept as short as Roost's where there is a setting for that.
"""
import os
import shutil

import roost


class Primary(roost.Process):
    """With `updates`, BIND and Knot take UPDATE, and give transfers, from anybody; the master files stay as they are. They
    NOTIFY the `secondary` (address, port), and give and sign its transfers with the `key`, if there is one."""

    def __init__(self, zones, start=True, updates=False, secondary=None, key=None):
        super().__init__(type(self).__name__.lower())
        self.secondary = secondary
        self.key = key
        self.zones = zones
        self.updates = updates
        if updates:
            self.zones = {name: shutil.copy(path, self.directory) for name, path in zones.items()}
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


class BindPrimary(Primary):
    def configure(self):
        allow = "allow-update { any; }; allow-transfer { any; };" if self.updates else ""
        keyed = f'key "{self.key.name}"' if self.key else ""
        if self.key:
            allow = f"allow-update {{ any; }}; allow-transfer {{ {keyed}; }};"
        notify = "notify no;"
        if self.secondary:
            address, port = self.secondary
            notify = f"notify explicit; notify-delay 0; also-notify {{ {address} port {port} {keyed}; }};"
        zones = "".join(f'zone "{name}" {{ type primary; file "{path}"; {allow} }};\n' for name, path in self.zones.items())
        return f"""
{self.key.text() if self.key else ""}
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
	{notify}
	minimal-responses no-auth;
	minimal-any yes;
	check-names primary ignore;
	check-integrity no;
}};
controls {{ }};
{zones}
"""

    def argv(self):
        return ["/usr/sbin/named", "-g", "-n", "1", "-c", self.configuration]


class KnotPrimary(Primary):
    def configure(self):
        zones = "".join(f"\n  - domain: {name}\n    file: {path}" for name, path in self.zones.items())
        keyed = f"\n    key: {self.key.name}" if self.key else ""
        anybody = "acl:\n  - id: anybody\n    action: [update, transfer]\n" if self.updates else ""
        allow = "    acl: anybody\n" if self.updates else ""
        remote, content = "", "none"
        if self.key:
            anybody = (f"key:\n  - id: {self.key.name}\n    algorithm: {self.key.algorithm}\n    secret: {self.key.secret}\n"
                       "acl:\n  - id: anybody\n    action: update\n"
                       f"  - id: transfer\n    action: transfer{keyed}\n")
            allow = "    acl: [anybody, transfer]\n"
        if self.secondary:
            address, port = self.secondary
            remote = f"remote:\n  - id: secondary\n    address: {address}@{port}{keyed}\n"
            allow += "    notify: secondary\n"
            content = "changes"
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
    any: info
database:
    storage: {self.directory}
{anybody}
{remote}
template:
  - id: default
    storage: {self.directory}
    zonefile-sync: -1
    journal-content: {content}
    semantic-checks: soft
{allow}
zone:{zones}
"""

    def argv(self):
        return ["/usr/sbin/knotd", "-c", self.configuration]


class NsdPrimary(Primary):
    def configure(self):
        zones = "".join(f'zone:\n    name: "{name}"\n    zonefile: "{path}"\n' for name, path in self.zones.items())
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
    minimal-responses: yes
    verbosity: 1
remote-control:
    control-enable: no
{zones}
"""

    def argv(self):
        return ["/usr/sbin/nsd", "-d", "-c", self.configuration]
