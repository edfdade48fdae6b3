"""Training of the one-layer model by many steps: settings and seeds are stacked in one tensor."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float64, Int64
from torch import Tensor
from tqdm import tqdm

from softbook.checks import count, number, one_of
from softbook.induction.model.gradient import gradients, prepared
from softbook.induction.model.network import attention_of, outputs_of, spread
from softbook.induction.model.task import Sequences, sample_sequences, stack
from softbook.induction.model.two_steps import Models, settings_of

__all__ = ["OPTIMISERS", "Curves", "Trained", "in_steps", "rate_of", "train"]

OPTIMISERS = ("adam", "sgd")
CHUNK = 16
"""Steps whose sequences are drawn together: part of what a seed means."""
APART = 10**6
"""The test of a model starts from this plus the seed of its training."""


@dataclass(frozen=True)
class Curves:
    """What is seen of trainings at some steps; the last one is the end.

    Attributes
    ----------
    step
        Steps done.
    loss
        Cross-entropy on new sequences of the training's law, in nats.
    correct
        Share of tests out of distribution, (ℓ1, ℓ2) uniform on ℓ1 ≠ ℓ2, where the greatest logit is the output's.
    on_output, on_middle
        Mean attention in these tests at ℓ1 + 2; and at (ℓ1+ℓ2)/2 + 2, in those where (ℓ1+ℓ2)/2 is a length of the
        training (NaN if there are none): the place of a shortcut.
    """

    step: Int64[Tensor, " points"]
    loss: Float64[Tensor, "points settings seeds"]
    correct: Float64[Tensor, "points settings seeds"]
    on_output: Float64[Tensor, "points settings seeds"]
    on_middle: Float64[Tensor, "points settings seeds"]


@dataclass(frozen=True)
class Trained(Models):
    """Models after a training, with its `curves`."""

    curves: Curves


def rate_of(rate: float) -> float:
    """Return the rate of an optimiser, which must be a number of at least 0: no training goes on from NaN.

    >>> rate_of(1)
    1.0
    """
    if np.isnan(number("rate", rate, 0.0)):
        raise ValueError("rate: nan is given, but at least 0 is needed")
    return float(rate)


def in_steps(
    masses: Float64[np.ndarray, "models lengths"],
    lengths: Int64[np.ndarray, " lengths"],
    triggers: Sequence[int],
    sources: Sequence[torch.Generator],
    batch: int,
    vocabulary: int,
    longest: int,
    device: str | torch.device,
) -> Iterator[Sequences]:
    """Draw the sequences of each training step, for ever: `batch` for every model, each from its own generator.

    >>> laws, source = np.array([[1.0]]), torch.Generator().manual_seed(0)
    >>> next(in_steps(laws, np.array([2]), [1], [source], 5, 8, 7, "cpu")).tokens.shape
    torch.Size([1, 5, 7])
    """
    while True:
        drawn = stack(
            [
                sample_sequences(
                    law,
                    lengths,
                    batch * CHUNK,
                    vocabulary=vocabulary,
                    triggers=n,
                    longest=longest,
                    seed=source,
                )
                for law, n, source in zip(masses, triggers, sources, strict=True)
            ]
        )
        parts = (part.unflatten(1, (CHUNK, batch)).transpose(0, 1) for part in vars(drawn).values())
        chunk = Sequences(*(part.contiguous() for part in parts)).to(device)
        for step in range(CHUNK):
            yield Sequences(*(part[step] for part in vars(chunk).values()))


def _batches(models: Models, batch: int) -> Iterator[Sequences]:
    each = len(models.seeds)
    return in_steps(
        models.masses.repeat(each, 0),
        models.lengths,
        [n for n in models.triggers for _ in range(each)],
        [torch.Generator().manual_seed(seed) for _ in models.masses for seed in models.seeds],
        batch,
        models.vocabulary,
        models.longest,
        models.value.device,
    )


def _tests(models: Models, many: int) -> tuple[Sequences, Sequences]:
    """Draw tests in distribution, and out of it: up to the greatest of `lengths`, whether it has mass or not."""
    wide = (models.lengths == models.lengths.max())[None].repeat(len(models.masses), 0)
    return (
        models.draw(many, family="train", seed=APART),
        replace(models, masses=wide.astype(np.float64)).draw(many, family="pairs", seed=APART),
    )


def _seen(models: Models, tests: tuple[Sequences, Sequences]) -> list[Tensor]:
    """Return loss, correct, on_output and on_middle of every model."""
    within, beyond = tests
    logits = outputs_of(models.value, models.attention, within).flatten(0, -2)
    loss = torch.nn.functional.cross_entropy(logits, within.output.flatten(), reduction="none")
    weights = attention_of(models.attention, beyond)
    best, told = (spread(weights, beyond, models.vocabulary) @ models.value.mT).max(-1)
    both = beyond.first + beyond.second
    masses = torch.from_numpy(models.masses).to(both.device)
    trained = torch.zeros(len(masses), 2 * int(models.lengths.max()) + 1, device=both.device)
    trained[:, 2 * models.lengths] = (masses > 0).float()
    known = trained[:, None].expand(-1, len(models.seeds), -1).gather(-1, both)
    found = (
        loss.view(within.output.shape).mean(-1),
        # A model that has gone to NaN is not right by chance.
        (told == beyond.output).to(best.dtype).where(~best.isnan(), best).mean(-1),
        weights.gather(-1, (beyond.first + 1).unsqueeze(-1)).squeeze(-1).mean(-1),
        (weights.gather(-1, (both // 2 + 1).unsqueeze(-1)).squeeze(-1) * known).sum(-1)
        / known.sum(-1),
    )
    return [part.to(torch.float64).cpu() for part in found]


def train(
    masses: Sequence[float] | Sequence[Sequence[float]] | np.ndarray,
    lengths: Sequence[int] | np.ndarray,
    *,
    steps: int,
    rate: float,
    batch: int = 64,
    optimiser: str = "adam",
    vocabulary: int = 16,
    triggers: int | Sequence[int] = 1,
    previous: bool = True,
    seeds: Sequence[int] = (0,),
    every: int | None = None,
    tests: int = 1000,
    longest: int | None = None,
    device: str | torch.device = "cpu",
    dtype: torch.dtype = torch.float32,
    progress: bool = False,
) -> Trained:
    """Train both matrices together from zero, each step on new sequences, until `steps` are done.

    Parameters
    ----------
    masses, lengths, vocabulary, triggers, previous, seeds, longest, device, dtype
        As for `train_two_steps`. Out of distribution ℓ1 and ℓ2 go up to the greatest of `lengths`, at least 2: give
        lengths without mass to test beyond those of the training.
    steps, rate, batch
        Steps of the optimiser, its rate, and the sequences of a step.
    optimiser
        "adam" (with the usual 0.9, 0.999 and 1e-8) or "sgd" (without momentum).
    every
        Steps between two points of the curves (default: a 25th of all).
    tests
        Sequences in each of the two tests of a model, in and out of distribution.
    progress
        Whether a bar shows how far it is.

    Returns
    -------
    The models at the end, with their curves. A model's numbers do not depend on which others it is trained with, but
    for the rounding of products of matrices.

    Source: Kawata et al. 2025, section 2, for task and model; the optimisers are not the paper's.

    >>> trained = train([1.0], [2], steps=40, rate=0.1, vocabulary=8)
    >>> trained.curves.step[-1].item(), trained.curves.loss[0].item() > trained.curves.loss[-1].item()
    (40, True)
    """
    laws, all_lengths, each, room = settings_of(masses, lengths, triggers, longest)
    many, size, checks, total = (
        count("steps", steps),
        count("batch", batch),
        count("tests", tests),
        count("vocabulary", vocabulary, max(each) + 2),
    )
    pace, name = rate_of(rate), one_of("optimiser", optimiser, OPTIMISERS)
    apart = max(1, many // 25) if every is None else count("every", every)
    own = tuple(count("seed", seed, 0) for seed in seeds)
    if not own:
        raise ValueError("seeds: none is given, but at least one is needed")
    features = room + 2 * total
    lead, stacked = (len(laws), len(own)), len(laws) * len(own)
    value = torch.zeros(stacked, total, features + 2, dtype=dtype, device=device)
    attention = torch.zeros(stacked, features + 2, features + 2, dtype=dtype, device=device)
    weights = (
        value[..., :features].unflatten(0, lead),
        attention[:, :features, :features].unflatten(0, lead),
    )
    models = Models(*weights, laws, all_lengths, each, total, room, bool(previous), own)
    kind = torch.optim.Adam if name == "adam" else torch.optim.SGD
    update = kind([value, attention], lr=pace, fused=True)
    drawn, batches = _tests(models, checks), _batches(models, size)
    points, seen = [0], [_seen(models, drawn)]
    for step in tqdm(range(1, many + 1), unit="step", disable=not progress):
        _, value.grad, attention.grad = gradients(
            value, attention, prepared(next(batches), total, dtype)
        )
        if not previous:
            value.grad[..., room + total :] = 0.0
        update.step()
        if step % apart == 0 or step == many:
            points.append(step)
            seen.append(_seen(models, drawn))
    curves = Curves(torch.tensor(points), *(torch.stack(part) for part in zip(*seen, strict=True)))
    return Trained(**vars(models), curves=curves)
