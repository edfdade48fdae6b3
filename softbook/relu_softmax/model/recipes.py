"""The recipe: functions of one variable, squares, products and reciprocals from two-key heads.

Glossary: knots = t_0 < … < t_K, pieces = K, levels = m, beta = β.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor, nn

from softbook.relu_softmax.model.heads import relu_head
from softbook.relu_softmax.model.scores import floating
from softbook.relu_softmax.theory.checks import count, positive
from softbook.relu_softmax.theory.recipes import reciprocal_knots


class PiecewiseLinear(nn.Module):
    """A piecewise linear interpolant as K−1 two-key heads and a skip connection (theorem T6).

    f(t_0) + s_1(x−t_0) + Σ_j (s_{j+1}−s_j) relu(x−t_j), where each relu is one head.

    Attributes
    ----------
    knots, slopes
        [K+1] and [K], float64.
    heads
        K−1.

    >>> square = piecewise_linear(lambda t: t * t, torch.linspace(-1, 1, 3), beta=1e6)
    >>> square.heads, square(torch.tensor([0.5]))
    (1, tensor([0.5000]))
    """

    knots: Tensor
    slopes: Tensor
    start: Tensor

    def __init__(
        self, knots: Float[Tensor, " knots"], values: Float[Tensor, " knots"], beta: float
    ) -> None:
        super().__init__()
        knots, values = torch.as_tensor(knots), torch.as_tensor(values)
        if knots.ndim != 1 or len(knots) < 2 or not bool((knots.diff() > 0).all()):
            raise ValueError("knots: at least two increasing numbers are needed")
        if values.shape != knots.shape:
            raise ValueError(
                f"values: shape {tuple(values.shape)} is given, but {tuple(knots.shape)} is needed"
            )
        slopes = values.diff() / knots.diff()
        if not bool(torch.isfinite(knots).all()):
            raise ValueError("knots: each must be finite")
        if not bool(torch.isfinite(values).all() & torch.isfinite(slopes).all()):
            raise ValueError("values: the function and its slopes must be finite at every knot")
        self.beta = positive("beta", beta)
        self.register_buffer("knots", knots)
        self.register_buffer("slopes", slopes)
        self.register_buffer("start", values[0])

    @property
    def heads(self) -> int:
        """The number of two-key heads."""
        return len(self.slopes) - 1

    @property
    def variation(self) -> float:
        """Σ|s_{j+1} − s_j|: the total variation of the interpolant's slope, at most that of f'."""
        return float(self.slopes.diff().abs().sum())

    def forward(self, x: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
        """Return the softened interpolant at x; its error bound holds on [t_0, t_K]."""
        floating("x", x)
        knots, slopes = self.knots.to(x), self.slopes.to(x)
        if not bool(torch.isfinite(slopes.diff()).all()):
            steepest = float(self.slopes.abs().max())
            raise ValueError(f"x: {x.dtype} is given, which cannot hold slopes of {steepest:.3g}")
        kinks = relu_head(x.unsqueeze(-1) - knots[1:-1], self.beta)
        return self.start.to(x) + slopes[0] * (x - knots[0]) + kinks @ slopes.diff()


def piecewise_linear(
    f: Callable[[Tensor], Tensor], knots: Float[Tensor, " knots"], beta: float
) -> PiecewiseLinear:
    """Return the interpolant of `f` at `knots` as softmax heads.

    Parameters
    ----------
    f
        From a float64 tensor to one of the same shape; called once, at the knots.
    knots
        [K+1] increasing numbers, K ≥ 1.
    beta
        Sharpness β > 0.

    >>> piecewise_linear(torch.exp, torch.linspace(0, 1, 9), beta=100.0).heads
    7
    """
    places = torch.as_tensor(knots, dtype=torch.float64)
    values = f(places)
    if not isinstance(values, Tensor):
        raise TypeError(f"f: returned {type(values).__name__}, but a tensor is needed")
    return PiecewiseLinear(places, values.detach().to(places), beta)


def _halves(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Return (x+y)/2 and (x−y)/2; raise unless x and y are floating and broadcast."""
    floating("x", x), floating("y", y)
    try:
        torch.broadcast_shapes(x.shape, y.shape)
    except RuntimeError as error:
        raise ValueError(
            f"x, y: shapes {tuple(x.shape)} and {tuple(y.shape)} are given, but they do not broadcast"
        ) from error
    return x / 2 + y / 2, x / 2 - y / 2


def square(x: Float[Tensor, "*shape"], beta: float, pieces: int) -> Float[Tensor, "*shape"]:
    """Return x² for |x| ≤ 1 by K−1 heads; the result minus x² lies in [−4κ/β, 1/K²] (T6).

    >>> square(torch.tensor([0.5]), beta=1e6, pieces=4)
    tensor([0.2500])
    """
    knots = torch.linspace(-1, 1, count("pieces", pieces) + 1, dtype=torch.float64)
    return piecewise_linear(torch.square, knots, beta)(x)


def multiply(
    x: Float[Tensor, ...], y: Float[Tensor, ...], beta: float, pieces: int
) -> Float[Tensor, ...]:
    """Return xy for |x|, |y| ≤ 1 as a difference of two squares: 2(K−1) heads (T6).

    x and y broadcast; the error is at most 1/K² + 4κ/β.

    >>> multiply(torch.tensor(0.5), torch.tensor(-0.5), beta=1e6, pieces=4)
    tensor(-0.2500)
    """
    plus, minus = _halves(x, y)
    return square(plus, beta, pieces) - square(minus, beta, pieces)


def reciprocal(
    x: Float[Tensor, "*shape"], low: float, high: float, beta: float, pieces: int
) -> Float[Tensor, "*shape"]:
    """Return 1/x on [low, high] by K−1 heads, knots equally spaced in x^{−1/2} (T6).

    Parameters
    ----------
    x
        Inputs in [low, high].
    low, high
        0 < low < high.
    beta, pieces
        Sharpness β > 0 and K ≥ 1.

    >>> reciprocal(torch.tensor([0.5, 1.0]), 0.5, 1.0, beta=1e6, pieces=4)
    tensor([2., 1.])
    """
    knots = torch.from_numpy(reciprocal_knots(low, high, pieces))
    return piecewise_linear(torch.reciprocal, knots, beta)(x)


def sawtooth_square(
    x: Float[Tensor, "*shape"], beta: float, levels: int
) -> Float[Tensor, "*shape"]:
    """Return x² for x in [0, 1] by m layers of three heads: x − Σ_{s≤m} g_s(x)/4^s (Yarotsky 2017).

    The tooth g(x) = 2relu(x) − 4relu(x−½) + 2relu(x−1) is composed with itself. The error is at most
    `sawtooth_bound(beta, levels)`.

    >>> sawtooth_square(torch.tensor([0.5]), beta=1e8, levels=6)
    tensor([0.2500])
    """
    result = tooth = floating("x", x)
    corners = torch.tensor([0.0, 0.5, 1.0], dtype=x.dtype, device=x.device)
    weights = torch.tensor([2.0, -4.0, 2.0], dtype=x.dtype, device=x.device)
    for level in range(1, count("levels", levels) + 1):
        tooth = relu_head(tooth.unsqueeze(-1) - corners, beta) @ weights
        result = result - tooth * 4.0**-level
    return result


def sawtooth_multiply(
    x: Float[Tensor, ...], y: Float[Tensor, ...], beta: float, levels: int
) -> Float[Tensor, ...]:
    """Return xy for |x|, |y| ≤ 1 from two sawtooth squares of soft absolute values.

    ((x+y)/2)² − ((x−y)/2)²; each |u| is relu(u) + relu(−u), two heads. The error is at most
    `sawtooth_multiply_bound(beta, levels)`.

    >>> sawtooth_multiply(torch.tensor(0.5), torch.tensor(-0.5), beta=1e8, levels=6)
    tensor(-0.2500)
    """

    def of(u: Tensor) -> Tensor:
        return sawtooth_square(relu_head(u, beta) + relu_head(-u, beta), beta, levels)

    plus, minus = _halves(x, y)
    return of(plus) - of(minus)


def soft_square(z: Float[Tensor, "*shape"], beta: float) -> Float[Tensor, "*shape"]:
    """Return S_β(z) = (4/β)(head(z) − z/2), which tends to z² as β → 0 (T7).

    0 ≤ z² − S_β(z) ≤ β²z⁴/12. The weight 4/β amplifies rounding: in floating point β below about
    u^{1/3} loses more than it gains.

    >>> soft_square(torch.tensor([0.5], dtype=torch.float64), beta=1e-3)
    tensor([0.2500], dtype=torch.float64)
    """
    floating("z", z)
    weight, largest = 4 / positive("beta", beta), torch.finfo(z.dtype).max
    if weight > largest:
        raise ValueError(
            f"beta: {beta!r} is given, but {z.dtype} needs at least {4 / largest:.3g}, "
            "so that the weight 4/beta is finite"
        )
    return weight * (relu_head(z, beta) - z / 2)


def soft_multiply(x: Float[Tensor, ...], y: Float[Tensor, ...], beta: float) -> Float[Tensor, ...]:
    """Return S_β((x+y)/2) − S_β((x−y)/2): xy by two heads and a linear skip −(2/β)y (T7).

    For |x|, |y| ≤ 1 the error is at most β²/12.

    >>> soft_multiply(torch.tensor(0.5).double(), torch.tensor(0.5).double(), beta=1e-2)
    tensor(0.2500, dtype=torch.float64)
    """
    plus, minus = _halves(x, y)
    return soft_square(plus, beta) - soft_square(minus, beta)
