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


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """A failure shows the last lines of every server that ran."""
    outcome = yield
    report = outcome.get_result()
    if report.when == "call" and report.failed:
        for process in roost.processes:
            report.sections.append((f"{process.name} {process.address}@{process.port}", process.tail()))
