"""The client suite: programs that people point at a dynamic DNS server, unmodified and with their own configuration. It uses
the harness of the end-to-end tests; tools/dev/install-deps clients installs the programs, make clients runs it."""
import importlib.util
import os
import sys

import pytest

E2E = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "e2e")
sys.path.insert(0, E2E)
spec = importlib.util.spec_from_file_location("e2e_conftest", os.path.join(E2E, "conftest.py"))
e2e_conftest = importlib.util.module_from_spec(spec)
spec.loader.exec_module(e2e_conftest)
no_process_left = e2e_conftest.no_process_left
pytest_runtest_makereport = e2e_conftest.pytest_runtest_makereport


@pytest.fixture
def namespaces(no_process_left):
    """A function that makes a partners.Namespace, which ends with the test, behind what runs in it."""
    import partners
    import roost
    made = []

    def make(files=None):
        made.append(partners.Namespace(files))
        return made[-1]

    yield make
    problems = roost.end_all()
    for namespace in made:
        namespace.end()
    assert not problems, problems
