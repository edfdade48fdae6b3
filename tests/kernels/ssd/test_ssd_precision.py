"""Rounding: each answer's error beside that of the plain chunked form in torch, same type."""

from __future__ import annotations

import pytest
import torch

from softbook.kernels.ssd import ssd

from .plain_chunked import plain

TYPES = [torch.float32, torch.bfloat16, torch.float16]


# One draw's error is itself a draw, and a processor's order of summation moves it.
SEEDS = range(6)


def roundings(trial, cases, operators):
    """Return for each operator each answer's root mean square error over all cases."""
    squares = [{} for _ in operators]
    for case in cases:
        wanted = trial.answers(trial.in_float64(case), backend="reference")
        for operator, sums in zip(operators, squares, strict=True):
            found = trial.answers(case, operator)
            for name in wanted:
                error = (found[name].double() - wanted[name]).square().mean()
                sums[name] = sums.get(name, 0.0) + float(error) / len(cases)
    return [{name: total**0.5 for name, total in sums.items()} for sums in squares]


@pytest.mark.parametrize("dtype", TYPES, ids=str)
@pytest.mark.parametrize("kind", ["ordinary", "slow", "none", "strong", "tiny"])
@pytest.mark.parametrize("diagonal", [False, True], ids=["scalar", "diagonal"])
def test_errors_are_at_most_twice_those_of_plain_torch(trial, dtype, kind, diagonal):
    settings = {"diagonal": diagonal, "kind": kind, "dtype": dtype, "scale": 24**-0.5}
    cases = [trial.make_case(1, 300, 2, 1, 24, 20, seed=seed, **settings) for seed in SEEDS]
    ours, theirs = roundings(trial, cases, (ssd, plain))
    # Decays under 1e-31 count as zero, by the operator's own word.
    bounds = {name: 2 * error + 1e-31 for name, error in theirs.items()}
    assert {name: ours[name] for name in ours if not ours[name] <= bounds[name]} == {}


def test_an_operator_that_rounds_too_much_is_seen(trial):
    """Keys in half the digits: the comparison above would turn red."""
    case = trial.make_case(1, 300, 2, 1, 24, 20, dtype=torch.float32)

    def coarse(q, k, v, log_a, **settings):
        return ssd(q, k.bfloat16().float(), v, log_a, **settings)

    ours, theirs = roundings(trial, [case], (coarse, plain))
    assert ours["o"] > 100 * theirs["o"]


@pytest.mark.parametrize("dtype", TYPES, ids=str)
@pytest.mark.parametrize("diagonal", [False, True])
def test_small_decays_lose_nothing(trial, dtype, diagonal):
    """Decays of exp(-200 u) a token: differences of their sums would cost three digits."""
    case = trial.make_case(1, 200, diagonal=diagonal, kind="strong", dtype=dtype)
    wanted = trial.answers(trial.in_float64(case), backend="reference")
    found = trial.distances(trial.answers(case), wanted)
    assert max(found.values()) < 2 * torch.finfo(dtype).eps


@pytest.mark.parametrize("diagonal", [False, True])
def test_decays_below_the_stated_least_count_as_zero(trial, diagonal):
    """What lies under 1e-31 is dropped in float32, and nothing above it is."""
    one = torch.ones(1, 2, 1, 1)
    for log, kept in ((-70.0, True), (-72.0, False)):
        gates = torch.tensor([0.0, log]).view(1, 2, 1)
        o, _ = ssd(
            one,
            one * torch.tensor([1.0, 0.0]).view(1, 2, 1, 1),
            one,
            gates[..., None] if diagonal else gates,
        )
        assert (o[0, 1].item() > 0) == kept
