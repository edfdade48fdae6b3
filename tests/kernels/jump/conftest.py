"""Inputs for the jump, its law, and a chi-square test with a stated budget of false alarms."""

from __future__ import annotations

from types import SimpleNamespace
from typing import NamedTuple

import numpy as np
import pytest
import torch
from scipy import stats
from torch import Tensor

from softbook.kernels.jump.arguments import chances
from softbook.kernels.jump.reference import law

# Scripts that tests run in processes of their own.
collect_ignore = ["jump_lab.py", "jump_gate.py"]

BUDGET = 1e-6
"""The probability that a right sampler fails any of the chi-square tests, were the seeds fresh."""
TESTS = 60
ALARM = BUDGET / TESTS
"""A right sampler's p-value falls below it in one of 60 million tests."""


class Case(NamedTuple):
    """Many rows with the same logits and the same token, so that draws can be counted."""

    logits: Tensor
    token: int
    settings: dict

    def drawn(self, sampler, rows: int, **more: object) -> Tensor:
        """Return the tokens that a sampler draws in so many rows."""
        logits = self.logits.expand(rows, -1)
        tokens = torch.full((rows,), self.token)
        return sampler(logits, tokens, **self.settings, **more)[0]

    def law(self) -> np.ndarray:
        """Return the definition's probabilities; the last is that of a token beyond the vocabulary."""
        token = torch.tensor([self.token])
        stay = self.settings.get("stay_probability")
        both = chances(
            stay, self.settings.get("step"), self.settings.get("time"), token, torch.float64
        )
        mask = len(self.logits) if self.settings["prior"] == "masked" else -1
        return law(self.logits[None], token, *both, mask)[0].numpy()


def p_value(tokens: Tensor, chances: np.ndarray) -> float:
    """Return the chi-square test's p-value; rare tokens share cells of at least 20 expected draws.

    A token of probability 0 that is drawn has p-value 0.
    """
    count = np.bincount(tokens.clamp(max=len(chances) - 1).numpy(), minlength=len(chances))
    if count[chances == 0].any():
        return 0.0
    cells = cells_of(chances, len(tokens))
    seen, wanted = (np.bincount(cells, weights=x) for x in (count, chances * len(tokens)))
    return float(stats.chi2.sf(((seen - wanted) ** 2 / wanted).sum(), len(wanted) - 1))


def cells_of(chances: np.ndarray, draws: int) -> np.ndarray:
    """Return the number of each token's cell."""
    order = np.argsort(chances)
    expected = chances[order] * draws
    rare = int((expected <= 20).sum())
    shared = int(expected[:rare].sum() // 20)
    within = np.floor(expected[:rare].cumsum() / 20).astype(int).clip(max=max(shared - 1, 0))
    cells = np.empty(len(chances), dtype=int)
    cells[order] = np.append(within, shared + np.arange(len(expected) - rare))
    return cells


def power(chances: np.ndarray, wrong: np.ndarray, draws: int) -> float:
    """Return how probably the test refuses a sampler of the law `wrong`, by the non-central law."""
    cells = cells_of(chances, draws)
    mine, theirs = (np.bincount(cells, weights=x) for x in (chances, wrong))
    away = draws * ((theirs - mine) ** 2 / mine).sum()
    freedom = len(mine) - 1
    return float(stats.ncx2.sf(stats.chi2.isf(ALARM, freedom), freedom, away))


def make_case(
    vocabulary: int = 60,
    token: int | None = None,
    prior: str = "masked",
    spread: float = 2.0,
    seed: int = 0,
    **settings: object,
) -> Case:
    """Return normal logits of a spread; the current token is the mask, or for "uniform" the likeliest."""
    generator = torch.Generator().manual_seed(seed)
    logits = spread * torch.randn(vocabulary, generator=generator)
    if token is None:
        token = vocabulary if prior == "masked" else int(logits.argmax())
    if not settings:
        settings = {"step": 0.2, "time": 0.3}
    return Case(logits, token, {"prior": prior, **settings})


@pytest.fixture(autouse=True)
def repeatable():
    """A failing draw must fail again tomorrow."""
    torch.manual_seed(0)


@pytest.fixture(scope="session")
def trial() -> SimpleNamespace:
    """What tests of the jump share."""
    return SimpleNamespace(
        ALARM=ALARM, Case=Case, make_case=make_case, p_value=p_value, power=power
    )


@pytest.fixture
def poisoned():
    """Let memory that is not written hold NaN, or the largest integer."""
    torch.use_deterministic_algorithms(True)
    assert torch.utils.deterministic.fill_uninitialized_memory
    assert torch.empty(3).isnan().all()
    yield
    torch.use_deterministic_algorithms(False)
