"""Two keys and a query without a mask: T1 and T1', on real attention."""

from __future__ import annotations

import math

import mpmath
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from softbook.relu_softmax import (
    KAPPA,
    relu_bound,
    relu_head,
    rounded_relu_head,
    unmasked_bound,
    unmasked_relu_head,
    unmasked_score,
)
from softbook.relu_softmax.theory import gap, gap_envelope, swish

F64 = torch.float64
U = 2.0**-53
betas = st.floats(-6, 12).map(lambda e: 10.0**e)
# A grid in the unit 1/β that holds both peaks: a random sample would miss them.
GRID = torch.cat([torch.linspace(-20, 20, 4001, dtype=F64), torch.tensor([-1, 1.0]) * (1 + KAPPA)])


def largest_gap(head, beta: float) -> float:
    """Return β·max(relu(z) − head(z)) on the scaled grid; inf where the head exceeds ReLU."""
    z = GRID / beta
    difference = (z.relu() - head(z, beta)) * beta
    return math.inf if difference.min() < -1e-12 else difference.max().item()


def test_the_constant_is_the_root_to_the_last_digit():
    mpmath.mp.dps = 40
    assert float(mpmath.lambertw(mpmath.exp(-1))) == KAPPA == 0.2784645427610738


@given(beta=betas)
def test_the_largest_gap_is_met_at_every_sharpness(beta):
    assert abs(largest_gap(relu_head, beta) - KAPPA) < 1e-12


@given(beta=betas, s=st.floats(-800, 800))
def test_the_head_is_its_closed_form(beta, s):
    z = torch.tensor([s / beta], dtype=F64)
    rounding = U * (8 * abs(z.item()) + 20 / beta)
    assert abs(relu_head(z, beta).item() - float(swish(z.numpy(), beta)[0])) <= 2 * rounding
    promised = float(gap(z.numpy(), beta)[0])
    assert abs((z.relu() - relu_head(z, beta)).item() - promised) <= 2 * rounding


def test_planted_faults_in_the_head_go_red():
    def dropped_value(z, beta):
        return relu_head(z, beta) * (z.abs() * beta < 19)

    def scale_of_half(z, beta):
        return relu_head(z, beta / 2)

    def no_null_key(z, beta):
        return z

    for fault in (dropped_value, scale_of_half, no_null_key):
        assert abs(largest_gap(fault, 7.0) - KAPPA) > 1e-3
    # A wrong constant: rounded down it is broken, rounded up it is not met.
    for wrong in (0.2784, 0.2785):
        assert abs(largest_gap(relu_head, 7.0) - wrong) > 1e-6


@given(u=st.floats(0, 60), step=st.floats(0, 60))
def test_the_envelope_is_above_the_gap_and_decreases(u, step):
    here, there = gap_envelope([u, u + step])
    assert here >= there >= float(gap(u + step, 1.0)) * (1 - 1e-15)


@pytest.mark.parametrize("dtype", [torch.float32, F64, torch.float16, torch.bfloat16])
@pytest.mark.parametrize("beta", [1e-300, 1e-40, 1e-5, 1.0, 1e5, 1e30, 1e300])
def test_no_finite_input_becomes_nan(dtype, beta):
    info = torch.finfo(dtype)
    sizes = torch.tensor([0.0, info.tiny, 1e-3, 1.0, 1e3, info.max / 2, info.max], dtype=dtype)
    z = torch.cat([-sizes, sizes])
    out = relu_head(z, beta)
    assert torch.isfinite(out).all()
    slack = 16 * info.eps * z.double().abs() + (1 + 40 * info.eps) * KAPPA / beta + info.tiny
    assert ((z.relu().double() - out.double()).abs() <= slack).all()
    assert relu_head(torch.tensor([math.nan], dtype=dtype), beta).isnan().all()


@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 0, 3), (2, 1, 3, 2)])
def test_any_shape(shape):
    z = torch.linspace(-2, 2, max(1, math.prod(shape)), dtype=F64)[: math.prod(shape)]
    z = z.reshape(shape)
    out = relu_head(z, 3.0)
    assert out.shape == shape
    torch.testing.assert_close(out, z * torch.sigmoid(3 * z), rtol=1e-13, atol=1e-15)
    if len(shape) > 1:
        torch.testing.assert_close(relu_head(z.transpose(0, -1), 3.0), out.transpose(0, -1))


def test_gradients_of_the_heads():
    z = torch.tensor([-3.0, -0.1, 0.0, 0.4, 900.0], dtype=F64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda z: relu_head(z, 2.0), z)
    assert torch.autograd.gradgradcheck(
        lambda z: relu_head(z, 2.0), z[:4].detach().requires_grad_()
    )
    assert torch.autograd.gradcheck(
        lambda z: unmasked_relu_head(z, 2.0, 3.0), z[:4].detach().requires_grad_()
    )


@given(
    beta=st.floats(-2, 4).map(lambda e: 10.0**e),
    tokens=st.integers(2, 9),
    score=st.floats(-3, 40),
    seed=st.integers(0, 999),
)
def test_without_a_mask(beta, tokens, score, seed):
    generator = torch.Generator().manual_seed(seed)
    z = torch.rand(5, tokens, generator=generator, dtype=F64) * 2 - 1
    z[0], z[1, 0] = 1.0, (1 + KAPPA) / beta if beta > 2 else 1.0
    error = (unmasked_relu_head(z, beta, score) - z.relu()).abs().max().item()
    assert error <= unmasked_bound(beta, tokens, score, 1.0) + 1e-13 * (1 + 1 / beta)
    enough = unmasked_score(beta, tokens, 1.0)
    error = (unmasked_relu_head(z, beta, enough) - z.relu()).abs().max().item()
    assert error <= 2 * relu_bound(beta) + 1e-13 * (1 + 1 / beta)


def test_without_a_mask_the_leak_is_what_the_proof_says():
    z, beta, score = torch.tensor([-1.0, 0.5, 0.8], dtype=F64), 4.0, 2.5
    weight = math.exp(score) + torch.exp(score - beta * z) + 2
    leak = 2 / weight
    others = (z.sum() - z) / 2
    expected = (1 - leak) * z * torch.sigmoid(beta * z) + leak * others
    torch.testing.assert_close(unmasked_relu_head(z, beta, score), expected)


@pytest.mark.parametrize("beta", [1e-30, 1.0, 1e30, 1e300])
@pytest.mark.parametrize("score", [-1e30, 0.0, 40.0, 1e300])
def test_without_a_mask_no_finite_input_becomes_nan(beta, score):
    z = torch.tensor([[3e37, -3e38, 0.0, 1e-40]])
    assert torch.isfinite(unmasked_relu_head(z, beta, score)).all()
    assert unmasked_relu_head(z[:0], beta, score).shape == (0, 4)


def test_short_keys_break_the_bound_at_any_sharpness():
    z = torch.linspace(-0.05, 0.05, 101, dtype=F64)
    for beta in (1e3, 1e5, 1e30):
        for offset, lost in ((8.0, 1 / 64), (8.02, 0.0112)):
            out = rounded_relu_head(z, beta, offset=offset, precision=torch.bfloat16)
            # A weight in [0, 1] never exceeds ReLU, right or wrong; half a step is lost or less.
            assert (z.relu() - out).min() >= 0
            assert 1 / 32 >= (z.relu() - out).max() > 0.9 * lost > relu_bound(beta)
        exact = rounded_relu_head(z, beta, offset=0.0, precision=F64)
        torch.testing.assert_close(exact, relu_head(z, beta), rtol=0, atol=0)


@pytest.mark.usefixtures("as_reader")
@pytest.mark.parametrize(
    ("call", "error", "sentence"),
    [
        (lambda: relu_head([1.0], 1.0), TypeError, "z: list is given, but a tensor is needed"),
        (lambda: relu_head(torch.ones(2).int(), 1.0), TypeError, "z: dtype torch.int32 is given"),
        (
            lambda: relu_head(torch.ones(2), 0.0),
            ValueError,
            "beta: 0.0 is given, but a finite number",
        ),
        (lambda: relu_head(torch.ones(2), math.nan), ValueError, "beta: nan is given"),
        (lambda: relu_head(torch.ones(2), math.inf), ValueError, "beta: inf is given"),
        (lambda: relu_head(torch.ones(2), "3"), TypeError, "beta: str is given, but a number"),
        (lambda: relu_head(torch.ones(2), True), TypeError, "beta: bool is given"),
        (lambda: unmasked_relu_head(torch.tensor(1.0), 1.0, 1.0), ValueError, "at least one token"),
        (lambda: unmasked_relu_head(torch.ones(2), 1.0, math.inf), ValueError, "self_score: inf"),
        (lambda: unmasked_relu_head(torch.ones(2), 1.0, -1e39), ValueError, "self_score: -1e"),
        (
            lambda: unmasked_bound(1.0, 1, 1.0, 1.0),
            ValueError,
            "tokens: 1 is given, but at least 2",
        ),
        (lambda: unmasked_bound(1.0, 2, math.nan, 1.0), ValueError, "self_score: nan"),
        (
            lambda: rounded_relu_head(torch.ones(1), 1.0, offset=math.nan, precision=F64),
            ValueError,
            "offset: nan",
        ),
        (
            lambda: rounded_relu_head(torch.ones(1), 1.0, offset=0.0, precision=torch.int8),
            TypeError,
            "precision: torch.int8 is given",
        ),
    ],
)
def test_settings_that_no_theorem_allows(call, error, sentence):
    with pytest.raises(error, match=sentence):
        call()
