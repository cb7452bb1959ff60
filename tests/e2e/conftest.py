import subprocess
import tempfile

import pytest

import roost
import signed


@pytest.fixture(scope="session")
def signed_zones(tmp_path_factory):
    """signed.SIGNED by name."""
    directory = str(tmp_path_factory.mktemp("signed"))
    for zone in signed.SIGNED:
        signed.sign(zone, directory)
    return {zone.name: zone for zone in signed.SIGNED}


@pytest.fixture(autouse=True)
def no_process_left(tmp_path):
    """Ends what the test started. A server that stops badly, or has a sanitizer's report in its log, fails the test."""
    roost.scratch = str(tmp_path)
    yield
    problems = roost.end_all()
    assert not problems, problems


@pytest.fixture(name="small_disk")
def mount_small_disk():
    """A file system of 3 MiB."""
    directory = tempfile.mkdtemp(prefix="disk-", dir=roost.scratch)
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", directory], stderr=subprocess.DEVNULL,
                      check=False).returncode:
        pytest.skip("no right to mount; the tests with a file size limit show most of the same")
    yield directory
    roost.end_all()
    subprocess.run(["umount", directory], check=True)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """A failure shows the last lines of every server that ran."""
    outcome = yield
    report = outcome.get_result()
    if report.when == "call" and report.failed:
        for process in roost.processes:
            report.sections.append((f"{process.name} {process.address}@{process.port}", process.tail()))
