"""The task: fillers, a trigger and its output, fillers, the trigger again; what follows it?

Tokens 0..n−1 are triggers; outputs and fillers are independent and uniform on the others, so that a filler may
repeat the output. A sequence is ℓ1 fillers, t, o, ℓ2 fillers, t; its length is T = ℓ1 + ℓ2 + 3.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Int64
from torch import Tensor

from softbook.checks import count
from softbook.induction.theory.families import family_pairs

__all__ = ["PAD", "Sequences", "sample_sequences", "sequences_at", "stack"]

PAD = -1
"""Stands behind the end of a sequence that is shorter than the longest."""


@dataclass(frozen=True)
class Sequences:
    """Sequences of the task; all fields may have the same further dimensions in front.

    Attributes
    ----------
    tokens
        z, padded with -1 behind the second trigger.
    first, second, trigger, output
        ℓ1, ℓ2, t and o of each.
    """

    tokens: Int64[Tensor, "*models samples longest"]
    first: Int64[Tensor, "*models samples"]
    second: Int64[Tensor, "*models samples"]
    trigger: Int64[Tensor, "*models samples"]
    output: Int64[Tensor, "*models samples"]

    @property
    def ends(self) -> Int64[Tensor, "*models samples"]:
        """T, the number of tokens of each."""
        return self.first + self.second + 3

    def to(self, device: str | torch.device) -> Sequences:
        """Return the same sequences on another device."""
        return Sequences(*(part.to(device) for part in vars(self).values()))


def stack(parts: Sequence[Sequences]) -> Sequences:
    """Return sequences with a new first dimension, one entry for each part.

    >>> stack([sequences_at([1], [2], vocabulary=9, triggers=1, longest=8, seed=s) for s in (0, 1)]).tokens.shape
    torch.Size([2, 1, 8])
    """
    fields = zip(*(vars(part).values() for part in parts), strict=True)
    return Sequences(*(torch.stack(field) for field in fields))


def _generator(seed: int | torch.Generator) -> torch.Generator:
    if isinstance(seed, torch.Generator):
        return seed
    return torch.Generator().manual_seed(count("seed", seed, 0))


def sequences_at(
    first: Sequence[int] | Int64[Tensor, " samples"],
    second: Sequence[int] | Int64[Tensor, " samples"],
    *,
    vocabulary: int,
    triggers: int,
    longest: int | None = None,
    seed: int | torch.Generator = 0,
) -> Sequences:
    """Return one random sequence for each given (ℓ1, ℓ2).

    Parameters
    ----------
    first, second
        ℓ1 and ℓ2, integers of at least 0.
    vocabulary, triggers
        N and n; at least one token is not a trigger.
    longest
        Length of the padded rows, at least the greatest T (default: that).
    seed
        An integer of at least 0, or a generator to go on with.

    >>> sequences_at([1], [2], vocabulary=9, triggers=1).tokens.tolist()
    [[5, 0, 6, 1, 4, 0]]
    """
    one, two = torch.as_tensor(first), torch.as_tensor(second)
    if one.shape != two.shape or one.ndim != 1 or one.is_floating_point():
        raise ValueError("first, second: two equally long lists of integers are needed")
    if not len(one) or int(min(one.min(), two.min())) < 0:
        raise ValueError("first, second: at least one pair is needed, and all must be at least 0")
    n, total = count("triggers", triggers), count("vocabulary", vocabulary)
    if total <= n:
        raise ValueError(
            f"vocabulary: {vocabulary} is given, but more than {n} triggers are needed"
        )
    ends = one + two + 3
    room = int(ends.max())
    if longest is not None and count("longest", longest) < room:
        raise ValueError(f"longest: {longest} is given, but a sequence has {room} tokens")
    room, many = room if longest is None else longest, len(one)
    source = _generator(seed)
    tokens = torch.randint(n, total, (many, room), generator=source)
    trigger = torch.randint(n, (many,), generator=source)
    rows = torch.arange(many)
    tokens[rows, one] = tokens[rows, ends - 1] = trigger
    output = tokens[rows, one + 1].clone()
    tokens[torch.arange(room) >= ends[:, None]] = PAD
    return Sequences(tokens, one.to(torch.int64), two.to(torch.int64), trigger, output)


def sample_sequences(
    masses: Sequence[float] | np.ndarray,
    lengths: Sequence[int] | np.ndarray,
    samples: int,
    *,
    vocabulary: int,
    triggers: int,
    family: str = "train",
    longest: int | None = None,
    seed: int | torch.Generator = 0,
) -> Sequences:
    """Draw sequences of the task.

    Parameters
    ----------
    masses, lengths
        The law q on lengths of the training.
    samples
        How many sequences.
    vocabulary, triggers, longest, seed
        As for `sequences_at`.
    family
        "train": ℓ1 = ℓ2 ~ q; "conflict": the paper's test out of distribution; "pairs": all ℓ1 ≠ ℓ2
        (`softbook.induction.theory.family_pairs` says which with what probability).

    Source: Kawata et al. 2025, section 2 and Figure 3.

    >>> drawn = sample_sequences([0.5, 0.5], [2, 3], 1000, vocabulary=16, triggers=2)
    >>> drawn.tokens.shape, drawn.first.unique().tolist(), bool((drawn.first == drawn.second).all())
    (torch.Size([1000, 9]), [2, 3], True)
    """
    many = count("samples", samples)
    one, two, chance = family_pairs(masses, lengths, family)
    source = _generator(seed)
    edges = torch.from_numpy(np.cumsum(chance))
    uniform = torch.rand(many, generator=source, dtype=torch.float64)
    picks = torch.searchsorted(edges, uniform, right=True).clamp(max=len(one) - 1)
    room = int((one + two).max()) + 3 if longest is None else longest
    return sequences_at(
        torch.from_numpy(one)[picks],
        torch.from_numpy(two)[picks],
        vocabulary=vocabulary,
        triggers=triggers,
        longest=room,
        seed=source,
    )
