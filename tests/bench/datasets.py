"""The zones that the benchmark serves and the questions it asks of them, as files. Names and addresses are made by number, so
two runs have the same zones; the misses are random, so that nothing can have them ready."""
import dataclasses
import os
import random
import subprocess


@dataclasses.dataclass
class Data:
    directory: str
    zones: list = dataclasses.field(default_factory=list)  # (name, path of the zone file), for the servers that read such
    bundle: str = ""  # path of a file with all zones behind each other
    questions: dict = dataclasses.field(default_factory=dict)  # what -> path of a file for load
    records: int = 0
    last_name: str = ""  # owner of an A record at the end of the last zone
    edns: str = "none"  # the load generator's option: none, edns or do

    def __post_init__(self):
        os.makedirs(self.directory)
        self.bundle = os.path.join(self.directory, "bundle")

    def add_zone(self, zone, lines, own_file=True):
        lines = [f"$ORIGIN {zone}", "$TTL 300", *lines]
        self.records += len(lines) - 2
        text = "\n".join(lines) + "\n"
        with open(self.bundle, "a", encoding="ascii") as out:
            out.write(text)
        if own_file:
            path = os.path.join(self.directory, f"{len(self.zones)}.zone")
            with open(path, "w", encoding="ascii") as out:
                out.write(text)
            self.zones.append((zone, path))

    def add_questions(self, what, lines):
        self.questions[what] = os.path.join(self.directory, what)
        with open(self.questions[what], "w", encoding="ascii") as out:
            out.writelines(line + "\n" for line in lines)


def apex():
    return ["@ SOA ns1.provider.test. hostmaster.provider.test. 1 7200 900 1209600 300",
            "@ NS ns1.provider.test.", "@ NS ns2.provider.test."]


def both(owner, number):
    """An A and an AAAA record."""
    return [f"{owner} A 10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}",
            f"{owner} AAAA 2001:db8::{number >> 16:x}:{number & 0xffff:x}"]


def homes(directory, count, own_files=True):
    """Home zones of 12 records: the apex, a text, and three hosts. Asked for: A and AAAA of the apex and of the hosts."""
    data, asked, updated = Data(directory), [], []
    owners = ["@", "home", "nas", "www"]
    for number in range(count):
        zone = f"home{number:06d}.example."
        addresses = [line for at, owner in enumerate(owners) for line in both(owner, number * len(owners) + at)]
        data.add_zone(zone, [*apex(), '@ TXT "v=spf1 -all"', *addresses], own_files)
        names = [zone if owner == "@" else f"{owner}.{zone}" for owner in owners]
        asked += [f"{name} {rdtype}" for name in names for rdtype in ("A", "AAAA")]
        updated += [f"{name} A {zone}" for name in names]
        data.last_name = names[-1]
    data.add_questions("hits", asked)
    data.add_questions("owners", updated)
    return data


def hosts(directory, count):
    """One zone of so many hosts, each with A and AAAA."""
    data, zone = Data(directory), "hosts.example."
    names = [f"host{number:07d}.{zone}" for number in range(count)]
    data.add_zone(zone, [*apex(), *(line for number in range(count) for line in both(f"host{number:07d}", number))])
    data.add_questions("hits", (f"{name} {rdtype}" for name in names for rdtype in ("A", "AAAA")))
    data.add_questions("misses", (f"miss{random.randrange(1 << 32):08x}.{zone} A" for _ in range(count)))
    data.add_questions("owners", (f"{name} A {zone}" for name in names))
    data.last_name = names[-1]
    return data


def signed(directory, count):
    """The same zone signed by dnssec-signzone with NSEC and ECDSA P-256; questions come with DO."""
    data = hosts(directory, count)
    data.edns = "do"
    zone, path = data.zones[0]
    made = os.path.join(directory, "signed")
    for flags in ([], ["-f", "KSK"]):
        subprocess.run(["dnssec-keygen", "-q", "-K", directory, "-a", "ECDSAP256SHA256", *flags, zone], check=True,
                       stdout=subprocess.DEVNULL)
    subprocess.run(["dnssec-signzone", "-q", "-S", "-K", directory, "-d", directory, "-o", zone, "-e", "+31536000", "-O", "full",
                    "-f", made, path], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    with open(made, encoding="ascii") as text, open(path, "w", encoding="ascii") as out:
        out.write(f"$ORIGIN {zone}\n")
        data.records = 0
        for line in text:
            if not line.startswith(";"):
                out.write(line)
                data.records += 1
    os.replace(path, data.bundle)
    os.symlink(data.bundle, path)
    return data
