"""Where chance comes from: every random step has a seed of its own, told by purpose and number.

So no step changes when another is added, left out, or done in another order.
"""

from __future__ import annotations

from enum import IntEnum, unique

import numpy as np


@unique
class Purpose(IntEnum):
    """What a seed is for; the numbers are part of the results and never change."""

    SOLUTION = 0
    PAIR = 1
    GAP = 2
    NULL = 3
    HALVES = 4
    DESCRIPTOR = 5
    RESAMPLE = 6
    PERFECT_CALIBRATION = 7
    PERMUTATION = 8
    IMPORTANCE = 9
    AUDIT = 10


def seed_for(random_state: int, purpose: Purpose, *numbers: int) -> np.random.SeedSequence:
    """The seed of one random step.

    Args:
        random_state: The seed of the project.
        purpose: What the step is for.
        *numbers: Which of the steps of this purpose.
    """
    return np.random.SeedSequence(random_state, spawn_key=(purpose, *numbers))


def child_of(seed: np.random.SeedSequence, number: int) -> np.random.SeedSequence:
    """A numbered child of a seed; unlike `spawn`, it leaves the seed as it is."""
    return np.random.SeedSequence(seed.entropy, spawn_key=(*seed.spawn_key, number))
