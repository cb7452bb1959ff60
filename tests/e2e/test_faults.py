"""Faults of the disk and of the power while updates stream. A sample; `make faults` has ten times as many, tests/fault/run any number."""
import os
import sys

import pytest
import roost

sys.path.insert(0, os.path.join(roost.TOP, "tests", "fault"))
import faults  # noqa: E402

ROUNDS = 8 if roost.SANITIZED else 25


@pytest.mark.parametrize("seed", range(4))
def test_faults(seed):
    fired, acknowledged, _, wrong = faults.run_life(os.path.join(roost.scratch, "life"), faults.Template(roost.scratch), seed, ROUNDS)
    assert not wrong, wrong[1]
    assert len(fired) > ROUNDS // 2 and acknowledged > ROUNDS, f"too few faults: {fired}"
