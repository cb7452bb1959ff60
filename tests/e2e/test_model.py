"""Random zones, questions and updates, the same ones every time: Roost beside BIND, Knot and NSD (tests/model).

tests/model/run has new ones."""
import os
import sys

import pytest
import roost

sys.path.insert(0, os.path.join(roost.TOP, "tests", "model"))
import compare  # noqa: E402
import servers  # noqa: E402
import updates  # noqa: E402
import world as worlds  # noqa: E402

# Worlds that every peer takes (see servers.Refused), in all under a minute.
SEEDS = (1, 2) if roost.SANITIZED else (1, 2, 3, 5, 6, 7, 10, 12)
QUESTIONS = 1500
UPDATES = 60


@pytest.mark.parametrize("seed", SEEDS)
def test_answers_as_the_others(seed):
    world = worlds.World(seed)
    roostd, others = servers.start(world)
    asked = compare.questions(world, QUESTIONS)
    found = compare.compare(world, asked, roostd, others)
    servers.stop(roostd, others)
    told = "\n\n".join(str(difference) for difference in found[:5])
    assert not found, f"{len(found)} of {len(asked)} answers differ; tests/model/run --seed {seed} finds the smallest zones:\n{told}"


@pytest.mark.parametrize("seed", SEEDS[:3])
def test_updates_as_the_others(seed):
    found = updates.run(seed, UPDATES)
    told = "\n\n".join(str(difference) for difference in found[:5])
    assert not found, f"{len(found)} of {UPDATES} updates differ:\n{told}"
