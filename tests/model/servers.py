"""The four servers with the zones of a World."""
import os
import shutil
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "e2e"))
import peers  # noqa: E402
import roost  # noqa: E402

PATIENCE = 30 if roost.SANITIZED else 5  # seconds, for a zone to be there


class Refused(Exception):
    """A peer does not load a zone. NSD takes an unlucky target of a CNAME for data below a wildcard DNAME."""


def wait_for_zones(server, paths):
    for name, path in paths.items():
        try:
            roost.wait_until(lambda: roost.serial(server, name) == 1, PATIENCE)
        except AssertionError as late:
            raise Refused(f"{server.name} does not serve {path}:\n{server.tail()}") from late


def start(world):
    """(roostd, [its peers]), all of them answering from all the zones; Refused."""
    directory = tempfile.mkdtemp(prefix="model-", dir=roost.scratch)
    paths = world.write(directory)
    db = os.path.join(directory, "roost.db")
    roost.roostctl(db, "init")
    for name, path in paths.items():
        roost.roostctl(db, "zone", "import", name, path)
    others = [peer(paths) for peer in (peers.BindPrimary, peers.KnotPrimary, peers.NsdPrimary)]
    started = [roost.Roostd(db), *others]
    assert all(roost.serial(started[0], name) == 1 for name in paths)
    try:
        for server in others:
            wait_for_zones(server, paths)
    except Refused:
        stop(started[0], others)
        raise
    return started[0], others


def stop(roostd, others):
    """Ends them all, and takes their directories away: there may be thousands of Worlds."""
    roostd.stop()
    for other in others:
        other.kill()
    for server in [roostd, *others]:
        shutil.rmtree(server.directory)
