"""Seeds of the parts of a run, so that no part's numbers depend on how far another has drawn."""

from __future__ import annotations

import numpy as np

from softbook.checks import count

__all__ = ["seed_of"]


def seed_of(seed: int, *place: int) -> int:
    """Return the seed, in [0, 2⁶³), of the part of a run that stands at `place` (integers ≥ 0).

    >>> seed_of(0, 1) == seed_of(0, 1), seed_of(0, 1) == seed_of(1, 0)
    (True, False)
    """
    words = (count("seed", seed, 0), *(count("place", one, 0) for one in place))
    return int(np.random.SeedSequence(words).generate_state(1, np.uint64)[0] >> np.uint64(1))
