"""One setting of the training experiment, and the random streams that belong to it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

__all__ = ["MIXERS", "SEEDS", "STATES", "TASKS", "Setting", "default", "settings", "stream"]

MIXERS = ("scalar", "diagonal", "softmax")
"""The token mixers: scalar-identity SSM, diagonal SSM, softmax attention."""
TASKS = ("mqar", "bytes")
"""Multi-query associative recall, and the bytes of Python's standard library."""
SEEDS = (0, 1, 2)
"""The seeds of the committed result."""
STATES = {"mqar": (16, 8, 32), "bytes": (16,)}
"""State sizes N of the committed result, the chapter's first."""


def stream(seed: int, name: str) -> torch.Generator:
    """Return torch's CPU generator for one purpose `name` of one `seed`; purposes do not share numbers.

    `seed`: an integer >= 0, otherwise a ValueError.

    >>> a, b = stream(0, "batch 7"), stream(0, "batch 7")
    >>> torch.equal(torch.rand(3, generator=a), torch.rand(3, generator=b))
    True
    """
    if seed < 0:
        raise ValueError(f"seed: {seed} is given, but an integer >= 0 is needed")
    entropy = np.random.SeedSequence((seed, *name.encode())).generate_state(1, np.uint64)[0]
    return torch.Generator().manual_seed(int(entropy))


@dataclass(frozen=True)
class Setting:
    """One network, its task and its training.

    `task`, `mixer`: one of `TASKS`, `MIXERS`; `seed` fixes start values and batches; `width` D of the
    residual stream, `blocks`, `heads` H (a divisor of D, values of width P = D/H), `state` N (width of
    queries and keys of a head, even); `length` T of a training sequence (for recall a multiple of 4:
    T/4 pairs), `batch` sequences a step, `steps`, peak `rate` of AdamW, `logs` >= 1 logged steps beside
    the start. Anything else raises a ValueError.

    >>> Setting(mixer="diagonal", seed=2).name
    'mqar_diagonal_N16_seed-2'
    """

    task: str = "mqar"
    mixer: str = "scalar"
    seed: int = 0
    width: int = 64
    blocks: int = 2
    heads: int = 4
    state: int = 16
    length: int = 32
    batch: int = 64
    steps: int = 800
    rate: float = 3e-3
    logs: int = 40

    def __post_init__(self) -> None:
        for name, value, allowed in (("task", self.task, TASKS), ("mixer", self.mixer, MIXERS)):
            if value not in allowed:
                raise ValueError(f"{name}: {value!r} is given, but one of {allowed} is needed")
        for name in ("width", "blocks", "heads", "length", "batch", "steps", "logs"):
            if getattr(self, name) < 1:
                raise ValueError(
                    f"{name}: {getattr(self, name)} is given, but at least 1 is needed"
                )
        if self.seed < 0:
            raise ValueError(f"seed: {self.seed} is given, but an integer >= 0 is needed")
        if self.width % self.heads:
            raise ValueError(
                f"heads: {self.heads} is given, but a divisor of width = {self.width} is needed"
            )
        if self.state < 2 or self.state % 2:
            raise ValueError(
                f"state: {self.state} is given, but an even number >= 2 is needed (rotary turns pairs)"
            )
        if self.task == "mqar" and (self.length % 4 or self.length > 256):
            raise ValueError(
                f"length: {self.length} is given, but recall needs a multiple of 4 up to 256"
            )
        if not self.rate > 0:
            raise ValueError(f"rate: {self.rate} is given, but a number > 0 is needed")

    @property
    def name(self) -> str:
        """A name for files and progress."""
        return f"{self.task}_{self.mixer}_N{self.state}_seed-{self.seed}"

    @property
    def logged(self) -> tuple[int, ...]:
        """The numbers of finished steps at which losses are kept: 0, ..., `steps`, evenly spaced."""
        return tuple(sorted({round(self.steps * j / self.logs) for j in range(self.logs + 1)}))


def default(task: str, mixer: str, seed: int = 0, state: int = 16) -> Setting:
    """Return the setting of the committed result for one task, mixer, seed and state size.

    >>> default("bytes", "softmax").length
    128
    """
    if task == "bytes":
        return Setting(task, mixer, seed, state=state, length=128, batch=16)
    return Setting(task, mixer, seed, state=state)


def settings() -> tuple[Setting, ...]:
    """Return the settings of the committed result, the chapter's own state size first.

    >>> len(settings())
    36
    """
    sizes = [(task, state) for task in TASKS for state in STATES[task]]
    sizes.sort(key=lambda size: size[1] != 16)
    return tuple(
        default(task, mixer, seed, state)
        for task, state in sizes
        for seed in SEEDS
        for mixer in MIXERS
    )
