"""The chunked form against the float64 definition: values and every gradient, in every corner."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from softbook.kernels.ssd import decays, diagonal, layout, scalar, ssd, work

FLOAT64 = 1e-12
FORMS = pytest.mark.parametrize("diagonal", [False, True], ids=["scalar", "diagonal"])


def errors(trial, case, **settings):
    """Return the errors of the chunked form in float64."""
    found = trial.answers(case, backend="cpu", **settings)
    return trial.distances(found, trial.answers(case, backend="reference", **settings))


def worst(trial, case, **settings):
    """Return the largest error; a NaN counts as infinite."""
    found = errors(trial, case, **settings)
    return max(torch.inf if error != error else error for error in found.values())


@given(
    batch=st.integers(0, 3),
    tokens=st.one_of(st.integers(0, 40), st.integers(60, 150)),
    groups=st.integers(1, 2),
    share=st.integers(1, 3),
    width=st.integers(1, 6),
    size=st.integers(0, 5),
    diagonal=st.booleans(),
    kind=st.sampled_from(["ordinary", "some zero", "all zero", "none", "tiny", "strong", "slow"]),
    sequences=st.integers(0, 4),
    state=st.booleans(),
    chunk_size=st.sampled_from([None, 16, 32, 128]),
    seed=st.integers(0, 99),
)
def test_any_shape_and_gates(trial, batch, tokens, chunk_size, **rest):
    case = trial.make_case(batch, tokens, chunk_size=chunk_size, scale=0.6, **rest)
    assert worst(trial, case) < FLOAT64


@FORMS
@pytest.mark.parametrize("tokens", [1, 63, 64, 65, 500, 1000])
def test_lengths_around_chunks(trial, tokens, diagonal):
    assert worst(trial, trial.make_case(1, tokens, 1, 3, 7, 5, diagonal=diagonal)) < FLOAT64


@FORMS
@pytest.mark.parametrize(("batch", "heads"), [(1, 1), (70, 1), (1, 70), (9, 8)])
def test_few_and_many_heads(trial, batch, heads, diagonal):
    """More heads than are worked on at once, and fewer; several slabs of time."""
    tokens = 70 if batch * heads > 1 else 64 * 70 + 3
    case = trial.make_case(batch, tokens, 1, heads, 2, 2, diagonal=diagonal, kind="slow")
    assert worst(trial, case, chunk_size=16 if batch * heads > 1 else None) < FLOAT64


@FORMS
def test_groups_that_do_not_divide_a_block(trial, diagonal):
    case = trial.make_case(1, 40, 23, 3, 2, 2, diagonal=diagonal)
    assert worst(trial, case, chunk_size=16) < FLOAT64


@FORMS
def test_growth_where_it_is_allowed(trial, diagonal):
    case = trial.make_case(diagonal=diagonal, kind="slow")
    case = case._replace(log_a=-case.log_a)
    with pytest.raises(ValueError, match=r"log_a: 0\.0\d+ is given, but at most 0 is needed"):
        ssd(*case[:4])
    assert worst(trial, case, check_gates=False) < FLOAT64


@FORMS
def test_numerical_derivatives(trial, diagonal):
    case = trial.make_case(1, 11, 1, 2, 3, 2, diagonal=diagonal)
    leaves = [x.requires_grad_() for x in case[:5]]

    def run(q, k, v, log_a, state):
        return ssd(q, k, v, log_a, initial_state=state, output_final_state=True)

    assert torch.autograd.gradcheck(run, leaves, fast_mode=True)


@FORMS
def test_a_zero_transition_has_gradient_zero_and_hides_the_past(trial, diagonal):
    case = trial.make_case(1, 40, diagonal=diagonal)
    case.log_a[:, 20] = -torch.inf
    found = trial.answers(case)
    assert (found["dlog_a"][:, 20] == 0).all()
    assert (found["dlog_a"][:, 19] != 0).all()
    other = case._replace(v=case.v.clone())
    other.v[:, :20] += 1
    assert torch.equal(found["o"][:, 20:], trial.answers(other)["o"][:, 20:])


@FORMS
def test_poisoned_memory_is_never_read(trial, diagonal, poisoned):
    case = trial.make_case(2, 133, 1, 3, 5, 3, diagonal=diagonal, sequences=3)
    assert worst(trial, case) < FLOAT64
    assert worst(trial, trial.make_case(2, 133, diagonal=diagonal)) < FLOAT64


@FORMS
def test_non_contiguous_inputs(trial, diagonal):
    case = trial.make_case(2, 70, diagonal=diagonal)
    wanted = ssd(*case[:4])[0]
    turned = [x.transpose(1, 2).contiguous().transpose(1, 2) for x in case[:4]]
    torch.testing.assert_close(ssd(*turned)[0], wanted, rtol=0, atol=1e-13)
    apart = [torch.stack((x, x), -1)[..., 0] for x in case[:4]]
    torch.testing.assert_close(ssd(*apart)[0], wanted, rtol=0, atol=1e-13)


@FORMS
def test_a_state_splits_a_sequence(trial, diagonal):
    case = trial.make_case(1, 100, diagonal=diagonal)
    q, k, v, log_a, state = case[:5]
    whole, last = ssd(q, k, v, log_a, initial_state=state, output_final_state=True)
    first, middle = ssd(
        *(x[:, :37] for x in (q, k, v, log_a)), initial_state=state, output_final_state=True
    )
    second, end = ssd(
        *(x[:, 37:] for x in (q, k, v, log_a)), initial_state=middle, output_final_state=True
    )
    torch.testing.assert_close(torch.cat([first, second], 1), whole, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(end, last, rtol=1e-12, atol=1e-12)


def test_not_a_number_stays_in_its_chunk_and_after(trial):
    case = trial.make_case(1, 200, state=False, dtype=torch.float32)
    case.v[0, 70] = torch.nan
    o = ssd(*case[:4])[0]
    assert o[:, :64].isfinite().all()
    assert o[:, 128:].isnan().all()


@pytest.mark.parametrize(
    ("part", "name", "fault"),
    [
        (work, "halve", lambda a: decays.halve(a.roll(1, 1))),
        (work, "halve", lambda a: decays.halve(a)._replace(suf=torch.ones_like(a))),
        (scalar, "gate_gradient", lambda rows, columns: decays.gate_gradient(columns, rows)),
        (diagonal, "gate_gradient", lambda r, c: decays.gate_gradient(r, c).roll(1, 1)),
        (scalar, "fill_mask", lambda mask, blocks, decays: None),
        (layout.Block, "put", lambda self, total, slab, chunks: None),
        (layout.Block, "store", lambda self, states, own: None),
    ],
)
def test_planted_faults_are_seen(trial, monkeypatch, poisoned, part, name, fault):
    forms = {scalar: [False], diagonal: [True]}.get(part, [False, True])
    cases = [trial.make_case(2, 133, diagonal=form) for form in forms]
    assert all(worst(trial, case) < FLOAT64 for case in cases)
    monkeypatch.setattr(part, name, fault)
    assert all(worst(trial, case) > 1e-3 for case in cases)
