"""What the client suite runs beside roostd: a certificate authority, Kea's DNS updater, and network namespaces for clients that
know no port but 53."""
import json
import os
import socket
import struct
import subprocess
import tempfile

import roost


def directory(name):
    return tempfile.mkdtemp(prefix=f"{name}-", dir=roost.scratch)


# ---- Namespaces ----

class Namespace:
    """A network and mount namespace with lo up and files of ours in the place of the system's: {"/etc/resolv.conf": text}."""

    def __init__(self, files=None):
        self.directory = directory("ns")
        steps = ["mount --make-rprivate /", "ip link set lo up"]
        for i, (path, text) in enumerate((files or {}).items()):
            ours = os.path.join(self.directory, str(i))
            with open(ours, "w", encoding="utf-8") as f:
                f.write(text)
            steps.append(f"mount --bind {ours} {path}")
        steps += ["echo ready", "exec sleep infinity"]
        self.popen = subprocess.Popen(["unshare", "-nm", "--", "sh", "-ec", "\n".join(steps)], stdout=subprocess.PIPE,
                                      stdin=subprocess.DEVNULL, text=True)
        assert self.popen.stdout.readline() == "ready\n", "no namespace: these tests need root"

    def argv(self, *argv):
        return ["nsenter", "-t", str(self.popen.pid), "-n", "-m", "--", *argv]

    def run(self, *argv, **more):
        return roost.run(self.argv(*argv), **more)

    def end(self):
        self.popen.kill()
        self.popen.wait()
        self.popen.stdout.close()


class RoostdInside(roost.Roostd):
    """roostd on 127.0.0.1@53 of a namespace."""

    def __init__(self, namespace, db, *args):
        self.namespace = namespace
        super().__init__(db, *args, port=53)

    def argv(self):
        return self.namespace.argv(*super().argv())

    def answers(self):
        assert self.popen.poll() is None, self.tail()
        done = self.namespace.run("dig", "@127.0.0.1", "+time=1", "+tries=1", ".", "SOA", status=None)
        return done.returncode == 0

    def values(self, name, rdtype="A"):
        return sorted(self.namespace.run("dig", "@127.0.0.1", "+short", "+norecurse", name, rdtype).stdout.split())


# ---- Certificates ----

def make_certificate(*names):
    """A self-signed certificate of these names ("DNS:a.example", "IP:127.0.0.1") and its key, as paths."""
    work = directory("certificate")
    certificate, key = os.path.join(work, "server.pem"), os.path.join(work, "server.key")
    roost.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "9",
               "-subj", "/CN=server", "-addext", "subjectAltName=" + ",".join(names), "-keyout", key, "-out", certificate])
    return certificate, key


class Pebble(roost.Process):
    """An ACME server that asks `nameserver` (address:port) whether a challenge is met. Inside a namespace if there is one."""

    def __init__(self, nameserver, namespace=None):
        super().__init__("pebble", port=14000 if namespace else None)
        self.nameserver = nameserver
        self.namespace = namespace
        self.certificate = os.path.join(self.directory, "pebble.pem")
        key, self.config = os.path.join(self.directory, "pebble.key"), os.path.join(self.directory, "pebble.json")
        roost.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "9",
                   "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout", key,
                   "-out", self.certificate])
        management = 15000 if namespace else roost.free_port()
        with open(self.config, "w", encoding="utf-8") as f:
            json.dump({"pebble": {"listenAddress": f"127.0.0.1:{self.port}",
                                  "managementListenAddress": f"127.0.0.1:{management}", "certificate": self.certificate,
                                  "privateKey": key, "httpPort": 5002, "tlsPort": 5001}}, f)
        self.url = f"https://localhost:{self.port}/dir"
        self.start()

    def argv(self):
        argv = ["env", "PEBBLE_VA_NOSLEEP=1", "PEBBLE_WFE_NONCEREJECT=0", "PEBBLE_AUTHZREUSE=0", "pebble", "-config", self.config,
                "-dnsserver", self.nameserver]
        return self.namespace.argv(*argv) if self.namespace else argv

    def answers(self):
        assert self.popen.poll() is None, self.tail()
        return "Listening on" in self.text() or "ACME directory available" in self.text()


def issuer_of(certificate):
    return roost.run(["openssl", "x509", "-noout", "-issuer", "-ext", "subjectAltName", "-in", certificate]).stdout


# ---- Kea's DNS updater ----

class KeaD2(roost.Process):
    """kea-dhcp-ddns. It is told of leases by name change requests, as Kea's DHCP servers tell it."""

    def __init__(self, config):
        super().__init__("kea")
        self.config = os.path.join(self.directory, "kea.conf")
        with open(self.config, "w", encoding="utf-8") as f:
            json.dump({"DhcpDdns": {"ip-address": "127.0.0.1", "port": self.port, **config,
                                    "loggers": [{"name": "kea-dhcp-ddns", "severity": "DEBUG", "debuglevel": 99,
                                                 "output_options": [{"output": "stdout"}]}]}}, f)
        self.start()

    def argv(self):
        return ["env", f"KEA_LOCKFILE_DIR={self.directory}", f"KEA_PIDFILE_DIR={self.directory}", "kea-dhcp-ddns",
                "-c", self.config]

    def answers(self):
        assert self.popen.poll() is None, self.tail()
        return "DHCP_DDNS_STARTED" in self.text()

    def change(self, add, fqdn, address, dhcid, **more):
        """Sends a request and waits until it was carried out; what came of it, in Kea's word."""
        before = len(self.outcomes())
        request = {"change-type": 0 if add else 1, "forward-change": True, "reverse-change": True, "fqdn": f"{fqdn}.",
                   "ip-address": address, "dhcid": dhcid, "lease-expires-on": "20991231235959", "lease-length": 600,
                   "use-conflict-resolution": True, **more}
        octets = json.dumps(request).encode()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.sendto(struct.pack("!H", len(octets)) + octets, (self.address, self.port))
        roost.wait_until(lambda: len(self.outcomes()) > before, seconds=4 * roost.PATIENCE, what="Kea's end of it")
        return self.outcomes()[-1]

    def outcomes(self):
        words = {"DHCP_DDNS_ADD_SUCCEEDED": "added", "DHCP_DDNS_REMOVE_SUCCEEDED": "removed",
                 "DHCP_DDNS_ADD_FAILED": "not added", "DHCP_DDNS_REMOVE_FAILED": "not removed"}
        return [word for line in self.text().splitlines() for name, word in words.items() if name in line]
