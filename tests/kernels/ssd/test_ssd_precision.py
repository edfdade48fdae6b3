"""Rounding: each answer's error beside that of the plain chunked form in torch, same type."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from softbook.kernels.ssd import ssd

TYPES = [torch.float32, torch.bfloat16, torch.float16]


def plain(q, k, v, log_a, *, initial_state, output_final_state, scale=1.0, chunk_size=64):
    """The textbook chunked form: cumulative sums, their differences, autograd; one head a group."""
    tokens, width = q.shape[1], q.shape[3]
    log_a = log_a if log_a.ndim == 4 else log_a[..., None].expand(*log_a.shape, width)
    padding = (0, 0, 0, 0, 0, -tokens % chunk_size)
    q, k, v, log_a = (
        F.pad(x, padding).unflatten(1, (-1, chunk_size)).permute(0, 3, 1, 2, 4)
        for x in (q, k, v, log_a)
    )
    sums = log_a.cumsum(-2)
    below = torch.ones(chunk_size, chunk_size).tril().bool()[..., None]
    logs = (sums[..., :, None, :] - sums[..., None, :, :]).masked_fill(~below, -torch.inf)
    inside = scale * (q[..., :, None, :] * k[..., None, :, :] * logs.exp()).sum(-1) @ v
    added = (k * (sums[..., -1:, :] - sums).exp()).mT @ v
    state, states = initial_state.to(v.dtype), []
    for chunk in range(added.shape[2]):
        states.append(state)
        state = sums[:, :, chunk, -1, :, None].exp() * state + added[:, :, chunk]
    o = inside + scale * (q * sums.exp()) @ torch.stack(states, 2)
    return o.permute(0, 2, 3, 1, 4).flatten(1, 2)[:, :tokens], state


def roundings(trial, case, operator, wanted):
    """Return each answer's root mean square error."""
    found = trial.answers(case, operator)
    return {
        name: float((found[name].double() - wanted[name]).square().mean().sqrt()) for name in wanted
    }


@pytest.mark.parametrize("dtype", TYPES, ids=str)
@pytest.mark.parametrize("kind", ["ordinary", "slow", "none", "strong", "tiny"])
@pytest.mark.parametrize("diagonal", [False, True], ids=["scalar", "diagonal"])
def test_errors_are_at_most_twice_those_of_plain_torch(trial, dtype, kind, diagonal):
    case = trial.make_case(
        1, 300, 2, 1, 24, 20, diagonal=diagonal, kind=kind, dtype=dtype, scale=24**-0.5
    )
    wanted = trial.answers(trial.in_float64(case), backend="reference")
    ours, theirs = (roundings(trial, case, operator, wanted) for operator in (ssd, plain))
    # Decays under 1e-31 count as zero, by the operator's own word.
    bounds = {name: 2 * error + 1e-31 for name, error in theirs.items()}
    assert {name: ours[name] for name in ours if not ours[name] <= bounds[name]} == {}


def test_an_operator_that_rounds_too_much_is_seen(trial):
    """Keys in half the digits: the comparison above would turn red."""
    case = trial.make_case(1, 300, 2, 1, 24, 20, dtype=torch.float32)
    wanted = trial.answers(trial.in_float64(case), backend="reference")

    def coarse(q, k, v, log_a, **settings):
        return ssd(q, k.bfloat16().float(), v, log_a, **settings)

    ours, theirs = (roundings(trial, case, operator, wanted) for operator in (coarse, plain))
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
