"""Claims on whole networks (T2, T3, T3')."""

from __future__ import annotations

import copy
from functools import lru_cache

import torch
from torch import Tensor, nn

from softbook.claims import Claim, Hypothesis, Tolerance, register
from softbook.knobs import Choice, Integer, Log
from softbook.relu_softmax.claims.common import U, head_rounding, uniform
from softbook.relu_softmax.model import compile_network
from softbook.relu_softmax.model.bounds import PropagatedError
from softbook.relu_softmax.theory import depth_bound, translation_interval

INPUTS = 4
POINTS = 32


@lru_cache(maxsize=512)
def random_network(depth: int, width: int, seed: int, spread: float = 1.0) -> nn.Sequential:
    """Return a float64 ReLU network on R⁴ with one output, He-initialised times `spread`.

    >>> len(random_network(2, 8, 0))
    5
    """
    generator = torch.Generator().manual_seed(seed)
    layers: list[nn.Module] = []
    fan_in = INPUTS
    for _ in range(depth):
        layers += [nn.Linear(fan_in, width, dtype=torch.float64), nn.ReLU()]
        fan_in = width
    layers.append(nn.Linear(fan_in, 1, dtype=torch.float64))
    for layer in layers:
        if isinstance(layer, nn.Linear):
            normal = torch.randn(layer.weight.shape, generator=generator, dtype=torch.float64)
            layer.weight.data = normal * spread * (2 / layer.in_features) ** 0.5
            layer.bias.data = uniform(seed + 1, layer.out_features, size=0.5)
    return nn.Sequential(*layers).eval()


def _points(seed: int, network: nn.Sequential, beta: float) -> Tensor:
    """Return inputs, half of them moved to where the first unit's gap is largest."""
    x = uniform(seed + 2, POINTS, INPUTS)
    first = network[0]
    assert isinstance(first, nn.Linear)
    weight, bias = first.weight.detach()[0], first.bias.detach()[0]
    moved = x[::2]
    excess = moved @ weight + bias - 1.2785 / beta
    x[::2] = moved - excess.unsqueeze(-1) * weight / weight.square().sum()
    return x


@torch.no_grad()
def _differences(depth: int, width: int, beta: float, seed: int) -> Tensor:
    network = random_network(depth, width, seed)
    x = _points(seed, network, beta)
    return (network(x) - compile_network(network, beta)(x)).ravel()


@lru_cache(maxsize=512)
def _norms(depth: int, width: int, seed: int) -> list[float]:
    network = random_network(depth, width, seed)
    linear = [layer for layer in network if isinstance(layer, nn.Linear)]
    return [float(layer.weight.detach().abs().sum(1).max()) for layer in linear]


def _shallow_range(width: int, beta: float, seed: int) -> tuple[float, float]:
    differences = _differences(1, width, beta, seed)
    return float(differences.min()), float(differences.max())


def _shallow_promise(width: int, beta: float, seed: int) -> tuple[float, float]:
    read_out = random_network(1, width, seed)[-1]
    assert isinstance(read_out, nn.Linear)
    return translation_interval(read_out.weight.detach()[0], beta)


def _network_rounding(depth: int, width: int, beta: float, seed: int) -> float:
    """Bound the rounding of both networks: magnitudes of at most r_l = ‖W_l‖ r_{l−1} + ½."""
    size, error = 4.0, 0.0
    for norm in _norms(depth, width, seed):
        size = norm * size + 0.5
        error = norm * error + 4 * (width + 2) * U * size + head_rounding(size, beta)
    return error


_REASON = (
    "rounding of both networks in float64: dot products err by (n+1)u|W||a| each, heads by 9u|z|+20u/β, "
    "carried through the layers by their norms"
)
WIDTH = Integer(1, 32, default=16, label="width H")
BETA = Log(0.1, 1e6, default=100, label="sharpness β")
SEED = Integer(0, 9999, default=0, label="seed")

register(
    Claim(
        id="network-translation",
        title="Translation of one hidden layer",
        statement=(
            r"Let $f(x)=c+\sum_{j\le H}a_j\,\mathrm{relu}(w_j\cdot x+b_j)$ and let $f_\beta$ have a two-key head of "
            r"sharpness $\beta$ in place of each unit. For **all** $x\in\mathbb R^d$"
            "\n\n"
            r"$$\begin{aligned}-\frac{\kappa}{\beta}\sum_j a_j^-\;&\le\;f(x)-f_\beta(x)\\&\le\;\frac{\kappa}{\beta}\sum_j a_j^+ ,\end{aligned}$$"
            "\n\n"
            r"so that $\sup|f-f_\beta|\le(\kappa/\beta)\,\|a\|_1$. No dimension enters, and no domain."
        ),
        evidence="proved",
        source="own",
        knobs={"width": WIDTH, "beta": BETA, "seed": SEED},
        predicted=_shallow_promise,
        measured=_shallow_range,
        relation="in",
        tolerance=Tolerance(
            _REASON, lambda width, beta, seed: _network_rounding(1, width, beta, seed)
        ),
        depends=["relu-two-keys"],
    )
)

register(
    Claim(
        id="network-depth",
        title="Translation of a deep network",
        statement=(
            r"Let $a_l=\mathrm{relu}(W_la_{l-1}+b_l)$ and let $\hat a_l$ be the same with heads. Then "
            r"$\|a_l-\hat a_l\|_\infty\le e_l$ with $e_0=0$ and"
            "\n\n"
            r"$$e_l=\|W_l\|_{\infty\to\infty}\,e_{l-1}+\frac{\kappa}{\beta},$$"
            "\n\n"
            r"and an affine read-out multiplies the bound by its norm. Entrywise, and never worse: "
            r"$e_l=|W_l|\,e_{l-1}+(\kappa/\beta)\mathbf 1$. Both hold for every input."
        ),
        evidence="proved",
        source="own",
        knobs={
            "depth": Integer(1, 8, default=2, label="depth L"),
            "width": WIDTH,
            "beta": BETA,
            "seed": SEED,
        },
        predicted=lambda depth, width, beta, seed: depth_bound(_norms(depth, width, seed), beta),
        measured=lambda depth, width, beta, seed: float(
            _differences(depth, width, beta, seed).abs().max()
        ),
        tolerance=Tolerance(_REASON, _network_rounding),
        depends=["relu-two-keys"],
    )
)


class CutAtZero(PropagatedError):
    """The wrong rule, kept as a planted fault: it takes every unit with z < 0 for off."""

    def _passed(self, z: Tensor, p: Tensor) -> Tensor:
        return torch.where(z < 0, 0.0, p)


@torch.no_grad()
def _certificate_use(
    depth: int,
    width: int,
    beta: float,
    spread: float,
    dtype: str,
    seed: int,
    rule: str = "z + p <= 0",
) -> float:
    """Return the largest error over its certificate."""
    kind = torch.float64 if dtype == "float64" else torch.float32
    network = random_network(depth, width, seed, spread)
    x = _points(seed, network, beta).to(kind)
    if kind is torch.float32:
        network = _single(depth, width, seed, spread)
    compiled = compile_network(network, beta)
    error = (network(x) - compiled(x)).abs().double()
    if rule == "z + p <= 0":
        return float((error / compiled.certificate(x)).max())
    state: PropagatedError = CutAtZero.at(x, beta, kind)
    for stage in compiled.stages:
        state = state.through(stage)
    return float((error / state.error).max())


@lru_cache(maxsize=512)
def _single(depth: int, width: int, seed: int, spread: float) -> nn.Sequential:
    return copy.deepcopy(random_network(depth, width, seed, spread)).float()


register(
    Claim(
        id="network-certificate",
        title="A certificate for one input",
        statement=(
            r"Run the ReLU network at one input $x$, keep its $z_l=W_la_{l-1}+b_l$, and put, entrywise, "
            r"$p=|W_l|\,e_{l-1}$ and"
            "\n\n"
            r"$$\begin{aligned}e_l=\;&\min\bigl(p,\max(z_l+p,0)\bigr)\\&+\tfrac1\beta\,\varphi\bigl(\beta\max(|z_l|-p,0)\bigr),\end{aligned}$$"
            "\n\n"
            r"where $e_0=0$ and $\varphi(u)=\max_{v\ge u}v\,\sigma(-v)$. Then $|a_l-\hat a_l|\le e_l$ entrywise. With the rounding "
            "terms below it holds for the networks as they are computed, in float32 and in float64."
        ),
        evidence="proved",
        source="own",
        knobs={
            "depth": Integer(1, 6, default=2, label="depth L"),
            "width": Integer(1, 16, default=8, label="width H"),
            "beta": Log(0.1, 1e8, default=100, label="sharpness β"),
            "spread": Log(0.1, 10, default=1, label="spread of the weights"),
            "dtype": Choice(["float64", "float32"], label="precision"),
            "seed": SEED,
        },
        predicted=lambda **_: 1.0,
        measured=_certificate_use,
        tolerance=Tolerance("none: the certificate holds its own rounding"),
        hypotheses=[
            Hypothesis(
                r"a unit counts as off only where $z+p\le0$ (not wherever $z<0$)",
                lambda rule="z + p <= 0", **_: rule == "z + p <= 0",
                violation={
                    "depth": 3,
                    "width": 2,
                    "beta": 1.0,
                    "spread": 4.0,
                    "seed": 0,
                    "rule": "z < 0",
                },
            )
        ],
        depends=["relu-two-keys", "network-depth"],
    )
)
