"""The zones that the benchmark serves and the questions it asks of them, as files. Names and addresses are made by number, so
two runs have the same zones; the misses are random, so that nothing can have them ready."""
import dataclasses
import os
import random


@dataclasses.dataclass
class Data:
    directory: str
    zones: list = dataclasses.field(default_factory=list)  # (name, path of the zone file)
    questions: dict = dataclasses.field(default_factory=dict)  # what -> path of a file for load
    records: int = 0
    last_name: str = ""  # owner of an A record at the end of the last zone

    def add_zone(self, zone, lines):
        path = os.path.join(self.directory, f"{len(self.zones)}.zone")
        with open(path, "w", encoding="ascii") as out:
            out.write(f"$ORIGIN {zone}\n$TTL 300\n")
            for line in lines:
                out.write(line + "\n")
                self.records += 1
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


def homes(directory, count):
    """Home zones of 12 records: the apex, a text, and three hosts. Asked for: A and AAAA of the apex and of the hosts."""
    os.makedirs(directory)
    data, asked = Data(directory), []
    owners = ["@", "home", "nas", "www"]
    for number in range(count):
        zone = f"home{number:06d}.example."
        addresses = [line for at, owner in enumerate(owners) for line in both(owner, number * len(owners) + at)]
        data.add_zone(zone, [*apex(), '@ TXT "v=spf1 -all"', *addresses])
        names = [zone if owner == "@" else f"{owner}.{zone}" for owner in owners]
        asked += [f"{name} {rdtype}" for name in names for rdtype in ("A", "AAAA")]
        data.last_name = names[-1]
    data.add_questions("hits", asked)
    return data


def hosts(directory, count):
    """One zone of so many hosts, each with A and AAAA."""
    os.makedirs(directory)
    data, zone = Data(directory), "hosts.example."
    names = [f"host{number:07d}.{zone}" for number in range(count)]
    data.add_zone(zone, [*apex(), *(line for number in range(count) for line in both(f"host{number:07d}", number))])
    data.add_questions("hits", (f"{name} {rdtype}" for name in names for rdtype in ("A", "AAAA")))
    data.add_questions("misses", (f"miss{random.randrange(1 << 32):08x}.{zone} A" for _ in range(count)))
    data.add_questions("owners", (f"{name} A" for name in names))
    data.last_name = names[-1]
    return data
