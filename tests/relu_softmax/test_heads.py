"""Every primitive alike: real attention, both precisions, odd shapes, NaN, gradients, bad input."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from softbook.relu_softmax import (
    KAPPA,
    PiecewiseLinear,
    anchor_ramp,
    compile_network,
    maximum,
    maximum_bound,
    minimum,
    multiply,
    piecewise_linear,
    reciprocal,
    relu_head,
    rounded_relu_head,
    sawtooth_multiply,
    sawtooth_square,
    soft_multiply,
    soft_square,
    square,
    two_head_ramp,
    unmasked_relu_head,
)
from softbook.relu_softmax.theory import swish

F64 = torch.float64


U32 = 2.0**-24
# Entrywise functions on numbers between 0.25 and 1; the others see or reduce a whole axis.
ENTRYWISE = {
    "relu_head": lambda x: relu_head(x, 7.0),
    "rounded_relu_head": lambda x: rounded_relu_head(
        x, 7.0, offset=1.0, precision=torch.bfloat16
    ),
    "anchor_ramp": lambda x: anchor_ramp(x, 0.0, 1.0, 6, 2.7),
    "two_head_ramp": lambda x: two_head_ramp(x, 0.3, 0.8, 40.0),
    "square": lambda x: square(x, 30.0, 5),
    "multiply": lambda x: multiply(x, 1 - x, 30.0, 5),
    "reciprocal": lambda x: reciprocal(x, 0.25, 1.0, 30.0, 4),
    "sawtooth_square": lambda x: sawtooth_square(x, 200.0, 4),
    "sawtooth_multiply": lambda x: sawtooth_multiply(x, 1 - x, 200.0, 3),
    "soft_square": lambda x: soft_square(x, 0.5),
    "soft_multiply": lambda x: soft_multiply(x, 1 - x, 0.5),
    "PiecewiseLinear": PiecewiseLinear(
        torch.linspace(0, 1, 5, dtype=F64), torch.tensor([0.0, 2, -1, 1, 1], dtype=F64), 20.0
    ),
}  # fmt: skip
AXIS = {
    "maximum": lambda x: maximum(x, 7.0),
    "minimum": lambda x: minimum(x, 7.0),
    "unmasked_relu_head": lambda x: unmasked_relu_head(x, 7.0, 4.0),
}
ALL = ENTRYWISE | AXIS


def inputs(*shape: int, dtype: torch.dtype = F64) -> torch.Tensor:
    generator = torch.Generator().manual_seed(math.prod(shape))
    return (torch.rand(shape, generator=generator, dtype=F64) * 0.75 + 0.25).to(dtype)


@pytest.mark.parametrize("name", [*ALL, "compile_network"])
def test_everything_goes_through_real_attention(name, monkeypatch):
    real, calls = F.scaled_dot_product_attention, []

    def counted(query, key, value, **more):
        assert more.get("scale") == 1.0
        calls.append(key.shape)
        return real(query, key, value, **more)

    monkeypatch.setattr(F, "scaled_dot_product_attention", counted)
    if name == "compile_network":
        network = nn.Sequential(nn.Linear(4, 5), nn.ReLU(), nn.ReLU(), nn.Linear(5, 2)).double()
        compile_network(network, 10.0)(inputs(3, 4))
        assert calls == [(3, 5, 2, 1)] * 2
    else:
        ALL[name](inputs(3, 4))
        assert calls

    def zero(query, key, value, **_):
        return torch.zeros(*query.shape[:-1], value.shape[-1], dtype=value.dtype)

    # What comes out depends on attention: with its output gone, the answer differs.
    x = inputs(3, 4)
    function = ALL.get(name) or compile_network(
        nn.Sequential(nn.Linear(4, 5), nn.ReLU()).double(), 10.0
    )
    expected = function(x)
    monkeypatch.setattr(F, "scaled_dot_product_attention", zero)
    assert not torch.allclose(function(x), expected)


@pytest.mark.parametrize("name", ALL)
def test_gradients(name):
    x = inputs(2, 3).requires_grad_()
    if name == "rounded_relu_head":
        pytest.skip("rounding has no useful gradient")
    assert torch.autograd.gradcheck(ALL[name], x)


@pytest.mark.parametrize("name", ALL)
def test_views_and_extra_axes(name):
    function, x = ALL[name], inputs(2, 4, 3)
    expected = torch.stack([function(row) for row in x])
    torch.testing.assert_close(function(x), expected, rtol=1e-12, atol=1e-14)
    view = x.mT.contiguous().mT
    assert not view.is_contiguous()
    torch.testing.assert_close(function(view), expected, rtol=1e-12, atol=1e-14)
    spread = x[:1].expand(5, 2, 4, 3)[:, 0]
    torch.testing.assert_close(function(spread)[4], expected[0], rtol=1e-12, atol=1e-14)
    strided = x.repeat_interleave(2, 0)[::2]
    torch.testing.assert_close(function(strided), expected, rtol=1e-12, atol=1e-14)
    before = x.clone()
    function(x)
    assert torch.equal(x, before)


@pytest.mark.parametrize("name", ENTRYWISE)
@pytest.mark.parametrize("shape", [(), (0,), (0, 3), (2, 0, 3), (1,)])
def test_entrywise_functions_keep_every_shape(name, shape):
    out = ENTRYWISE[name](inputs(*shape))
    assert out.shape == shape
    assert out.dtype == F64


@pytest.mark.parametrize("name", ENTRYWISE)
@pytest.mark.parametrize("place", [(0, 0), (1, 2)])
def test_nan_stays_where_it_is(name, place):
    x = inputs(2, 3)
    clean = ENTRYWISE[name](x)
    x[place] = math.nan
    out = ENTRYWISE[name](x)
    assert out.isnan().nonzero().tolist() == [list(place)]
    assert torch.equal(out[~out.isnan()], clean[~out.isnan()])


@pytest.mark.parametrize("name", AXIS)
def test_nan_stays_in_its_row(name):
    x = inputs(3, 4)
    clean = AXIS[name](x)
    x[1, 2] = math.nan
    out = AXIS[name](x)
    assert out[1].isnan().all()
    assert torch.equal(out[[0, 2]], clean[[0, 2]])


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize(
    ("dtype", "close"), [(torch.float32, 2e-4), (torch.float16, 0.05), (torch.bfloat16, 0.4)]
)
def test_shorter_formats_work(name, dtype, close):
    x = inputs(3, 4, dtype=dtype)
    out = ALL[name](x)
    assert out.dtype == dtype
    torch.testing.assert_close(out.double(), ALL[name](x.double()), rtol=close, atol=close)


def test_slopes_that_a_format_cannot_hold_are_told():
    with pytest.raises(ValueError, match=r"x: torch.float16 is given, which cannot hold slopes of"):
        reciprocal(torch.ones(1, dtype=torch.float16), 1e-3, 1.0, 100.0, 4)
    with pytest.raises(ValueError, match=r"x: torch.float32 is given, which cannot hold slopes of"):
        reciprocal(torch.ones(1), 1e-20, 1.0, 100.0, 4)
    with pytest.raises(
        ValueError, match=r"beta: 1e-300 is given, but torch.float32 needs at least"
    ):
        soft_square(torch.zeros(1), 1e-300)


@pytest.mark.parametrize("dtype", [torch.float32, F64])
@pytest.mark.parametrize("exponent", range(-3, 9))
def test_the_gap_is_met_in_both_precisions(dtype, exponent):
    """T1 on a grid in the unit 1/β, which holds the peak; the test of figure .278465."""
    beta = 10.0**exponent
    u = torch.finfo(dtype).eps / 2
    scaled = torch.cat(
        [torch.linspace(-30, 30, 2001, dtype=F64), torch.tensor([-1, 1]) * (1 + KAPPA)]
    )
    z = (scaled / beta).to(dtype)
    exact = torch.from_numpy(swish(z.double().numpy(), beta))
    rounding = u * (8 * z.double().abs() + 20 / beta)
    out = relu_head(z, beta).double()
    assert ((out - exact).abs() <= rounding).all()
    difference = (z.double().relu() - out) * beta
    assert difference.min() >= -u * 300
    assert abs(difference.max().item() - KAPPA) < (1e-12 if dtype is F64 else 3e-6)


@pytest.mark.parametrize("dtype", [torch.float32, F64])
@pytest.mark.parametrize("n", [2, 3, 10, 100])
def test_the_error_of_the_maximum_is_met_in_both_precisions(dtype, n):
    for exponent in range(-3, 9):
        beta = 10.0**exponent
        worst = 1 + beta * maximum_bound(n, beta)
        g = torch.tensor([0.0, 0.5 * worst, worst, 1.5 * worst], dtype=F64)
        x = torch.cat([torch.zeros(4, 1, dtype=F64), (-g[:, None] / beta).expand(-1, n - 1)], 1)
        error = -maximum(x.to(dtype), beta).double() * beta
        close = 1e-12 if dtype is F64 else 1e-5
        assert error.argmax() == 2
        assert abs(error[2].item() - beta * maximum_bound(n, beta)) < close
        assert error.min() >= -close
        low = minimum(-x.to(dtype), beta).double() * beta
        torch.testing.assert_close(low, error, rtol=0, atol=close)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, F64])
@pytest.mark.parametrize("beta", [5e-324, 1e-310, 1e-39, 1e-3, 1.0, 1e8, 1e30, 1e300, 1.7e308])
def test_extremes_stay_numbers(dtype, beta):
    info = torch.finfo(dtype)
    sizes = [0.0, info.tiny / 4, info.tiny, 1.0, 60.0, 6e4, info.max / 3, info.max]
    z = torch.tensor([sign * size for size in sizes for sign in (1, -1)], dtype=dtype)
    for function in (
        lambda z: relu_head(z, beta),
        lambda z: maximum(z, beta),
        lambda z: minimum(z, beta),
        lambda z: maximum(z.reshape(4, 4), beta, 0),
        lambda z: anchor_ramp(z, -1.0, 2.0, 7, beta),
        lambda z: two_head_ramp(z, -1.0, 2.0, beta),
        lambda z: unmasked_relu_head(z, beta, 5.0),
    ):
        assert torch.isfinite(function(z)).all()
    assert (maximum(z, beta) <= z.max()).all()
    assert (minimum(z, beta) >= z.min()).all()


@pytest.mark.parametrize("name", ALL)
@pytest.mark.usefixtures("as_reader")
def test_what_is_no_floating_tensor_is_told(name):
    one = "s" if "ramp" in name else "z" if "head" in name or name == "soft_square" else "x"
    if name == "unmasked_relu_head":
        one = "z"
    makers = {
        "multiply": lambda x: multiply(x, torch.ones(3), 1.0, 2),
        "sawtooth_multiply": lambda x: sawtooth_multiply(x, torch.ones(3), 1.0, 2),
        "soft_multiply": lambda x: soft_multiply(x, torch.ones(3), 1.0),
    }
    function = makers.get(name, ALL[name])
    for bad, kind in (
        (torch.ones(3, dtype=torch.int64), "dtype torch.int64"),
        (torch.ones(3, dtype=torch.bool), "dtype torch.bool"),
        (torch.ones(3, dtype=torch.complex64), "dtype torch.complex64"),
        (0.5, "float"),
        ([0.5], "list"),
        (None, "NoneType"),
    ):
        with pytest.raises(TypeError, match=f"^{one}: {kind} is given, but a"):
            function(bad)


SETTINGS = {
    "relu_head": lambda beta: relu_head(torch.ones(2), beta),
    "unmasked_relu_head": lambda beta: unmasked_relu_head(torch.ones(2), beta, 1.0),
    "maximum": lambda beta: maximum(torch.ones(2), beta),
    "minimum": lambda beta: minimum(torch.ones(2), beta),
    "two_head_ramp": lambda beta: two_head_ramp(torch.ones(2), 0.0, 1.0, beta),
    "square": lambda beta: square(torch.ones(2), beta, 2),
    "multiply": lambda beta: multiply(torch.ones(2), torch.ones(2), beta, 2),
    "reciprocal": lambda beta: reciprocal(torch.ones(2), 0.5, 1.0, beta, 2),
    "sawtooth_square": lambda beta: sawtooth_square(torch.ones(2), beta, 2),
    "sawtooth_multiply": lambda beta: sawtooth_multiply(torch.ones(2), torch.ones(2), beta, 2),
    "soft_square": lambda beta: soft_square(torch.ones(2), beta),
    "soft_multiply": lambda beta: soft_multiply(torch.ones(2), torch.ones(2), beta),
    "piecewise_linear": lambda beta: piecewise_linear(torch.exp, torch.arange(3), beta),
    "compile_network": lambda beta: compile_network(nn.Sequential(nn.Linear(2, 2)), beta),
}


@pytest.mark.parametrize("name", SETTINGS)
@pytest.mark.usefixtures("as_reader")
def test_a_sharpness_that_is_none_is_told(name):
    for bad in (0.0, -3.0, math.nan, math.inf, -math.inf):
        with pytest.raises(ValueError, match=f"^beta: {bad} is given, but a finite number above 0"):
            SETTINGS[name](bad)
    for other in (True, "3", None, [1.0], 1j):
        with pytest.raises(
            TypeError, match=f"^beta: {type(other).__name__} is given, but a number"
        ):
            SETTINGS[name](other)
    assert SETTINGS[name](2) is not None


@pytest.mark.usefixtures("as_reader")
@pytest.mark.parametrize(
    ("call", "error", "sentence"),
    [
        (lambda x: maximum(x, 1.0, 0.0), TypeError, "dim: float is given, but an integer"),
        (lambda x: maximum(x, 1.0, True), TypeError, "dim: bool is given, but an integer"),
        (lambda x: minimum(x, 1.0, -2), ValueError, "dim: -2 is given"),
        (lambda x: anchor_ramp(x, "0", 1.0, 3, 1.0), TypeError, "low: str is given"),
        (lambda x: anchor_ramp(x, 0.0, math.nan, 3, 1.0), ValueError, "low, high: 0.0 and nan"),
        (lambda x: anchor_ramp(x, 0.0, 1.0, True, 1.0), TypeError, "anchors: bool is given"),
        (lambda x: two_head_ramp(x, 2.0, 1.0, 1.0), ValueError, "low, high: 2.0 and 1.0 are given"),
        (lambda x: two_head_ramp(x, 0.0, math.inf, 1.0), ValueError, "low, high: 0.0 and inf"),
        (lambda x: unmasked_relu_head(x, 1.0, "1"), TypeError, "self_score: str is given"),
        (lambda x: unmasked_relu_head(x[:0], 1.0, 1.0), ValueError, "at least one token"),
        (
            lambda x: rounded_relu_head(x, 1.0, offset=0.0, precision="half"),
            TypeError,
            "precision: half is given",
        ),
        (
            lambda x: rounded_relu_head(x, 1.0, offset="0", precision=F64),
            TypeError,
            "offset: str is given",
        ),
        (lambda x: square(x, 1.0, 2.0), TypeError, "pieces: float is given"),
        (lambda x: sawtooth_square(x, 1.0, True), TypeError, "levels: bool is given"),
        (
            lambda x: PiecewiseLinear(torch.tensor([0.0, math.inf]), x[:2], 1.0),
            ValueError,
            "knots: each must be finite",
        ),
        (lambda x: PiecewiseLinear([1.0, 0.0], [0.0, 0.0], 1.0), ValueError, "knots: at least two"),
    ],
)
def test_settings_that_no_theorem_allows(call, error, sentence):
    with pytest.raises(error, match=sentence):
        call(torch.ones(3))
