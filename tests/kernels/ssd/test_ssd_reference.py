"""The definition itself: two derivations agree, and a third by hand; an outside library's too."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from softbook.kernels.ssd import ssd
from softbook.kernels.ssd.reference import quadratic, recurrence

FLOAT64 = 1e-13


@given(
    tokens=st.integers(0, 40),
    groups=st.integers(1, 2),
    share=st.integers(1, 3),
    width=st.integers(1, 6),
    size=st.integers(0, 5),
    diagonal=st.booleans(),
    kind=st.sampled_from(["ordinary", "some zero", "all zero", "none", "strong"]),
    state=st.booleans(),
    seed=st.integers(0, 99),
)
def test_the_recurrence_and_the_matrix_agree(
    trial, tokens, groups, share, width, size, diagonal, kind, state, seed
):
    case = trial.make_case(
        2, tokens, groups, share, width, size, diagonal=diagonal, kind=kind, state=state, seed=seed
    )
    one = recurrence(*case[:5], 0.7)
    two = quadratic(*case[:5], 0.7)
    for found, wanted in zip(one, two, strict=True):
        torch.testing.assert_close(found, wanted, rtol=FLOAT64, atol=FLOAT64)


@pytest.mark.parametrize("fault", ["gate of the token itself", "no scale", "state not decayed"])
def test_a_wrong_recurrence_would_be_seen(trial, fault):
    case = trial.make_case()
    q, k, v, log_a, state = case[:5]
    if fault == "gate of the token itself":
        log_a = log_a.roll(1, 1)
    wrong = recurrence(q, k, v, log_a, state, 1.0 if fault == "no scale" else 0.7)[0]
    if fault == "state not decayed":
        wrong = wrong + 0.7 * torch.einsum("bthn,bhnp->bthp", q.repeat_interleave(2, 2), state)
    assert (wrong - quadratic(*case[:5], 0.7)[0]).abs().max() > 1e-3


def test_three_tokens_by_hand():
    q = torch.tensor([1.0, 2.0, 3.0]).view(1, 3, 1, 1)
    k = torch.tensor([1.0, 1.0, 2.0]).view(1, 3, 1, 1)
    v = torch.tensor([1.0, 10.0, 100.0]).view(1, 3, 1, 1)
    decay = torch.tensor([0.9, 0.5, 0.0]).view(1, 3, 1)
    o, state = ssd(q, k, v, decay.log(), output_final_state=True, backend="reference")
    # h = 1, then 0.5 + 10, then 0 + 200.
    assert o.flatten().tolist() == [1.0, 21.0, 600.0]
    assert state.item() == 200.0


def test_the_first_gate_only_touches_the_first_state(trial):
    case = trial.make_case(state=False)
    other = case._replace(log_a=case.log_a.clone())
    other.log_a[:, 0] = -3.0
    assert torch.equal(ssd(*case[:4])[0], ssd(*other[:4])[0])


@pytest.mark.filterwarnings("ignore:Triton is not supported")
@pytest.mark.parametrize("tokens", [1, 63, 200])
@pytest.mark.parametrize("diagonal", [False, True])
def test_an_outside_library_agrees(trial, tokens, diagonal):
    """fla-core's naive recurrences, written by others, in float32."""
    pytest.importorskip("triton", reason="fla-core needs Triton, which has wheels for Linux only")
    from fla.ops.gla.naive import naive_recurrent_gla
    from fla.ops.simple_gla.naive import naive_chunk_simple_gla, naive_recurrent_simple_gla

    # Their heads have a query each: one head a group.
    case = trial.make_case(2, tokens, 3, 1, 8, 4, diagonal=diagonal, dtype=torch.float32)
    q, k, v, log_a, state = case[:5]
    found = ssd(q, k, v, log_a, scale=0.3, initial_state=state, output_final_state=True)
    if diagonal:
        theirs = [
            naive_recurrent_gla(
                q * 0.3 * q.shape[-1] ** 0.5,
                k,
                v,
                log_a,
                initial_state=state,
                output_final_state=True,
            )
        ]
    else:
        given = {"scale": 0.3, "initial_state": state, "output_final_state": True}
        theirs = [
            form(q, k, v, log_a, **given)
            for form in (naive_recurrent_simple_gla, naive_chunk_simple_gla)
        ]
    for wanted in theirs:
        for one, two in zip(found, wanted, strict=True):
            torch.testing.assert_close(one, two.float(), rtol=1e-4, atol=1e-4)
