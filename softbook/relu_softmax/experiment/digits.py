"""Real input: a classifier of handwritten digits, compiled, with a proof of agreement for each digit.

The 1,797 digits of 8×8 pixels ship with scikit-learn. The network is trained in float64, so that the last
bits of another machine do not change which digits it gets right.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import Tensor, nn

from softbook.relu_softmax.model import AttentionNetwork, compile_network

__all__ = ["Agreement", "DigitsRun", "agreement", "certified_agreement", "train_digits"]

BETAS = tuple(float(f"{10 ** (k / 4):.4g}") for k in range(0, 25))
"""The sharpnesses at which the chapter compiles: 1 to 10⁶, four a decade."""


@dataclass(frozen=True)
class DigitsRun:
    """A trained classifier with its data and its training curves.

    Attributes
    ----------
    network
        `nn.Sequential` of Linear and ReLU, float64, in eval mode.
    train_x, train_y, test_x, test_y
        Pixels in [0, 1], shape [n, 64], and labels 0 to 9; 1,347 and 450 digits.
    train_loss, test_loss, test_accuracy
        After each epoch, shape [epochs + 1]; entry 0 is the untrained network.
    """

    network: nn.Sequential
    train_x: Float[Tensor, "train 64"]
    train_y: Int[Tensor, " train"]
    test_x: Float[Tensor, "test 64"]
    test_y: Int[Tensor, " test"]
    train_loss: Float[np.ndarray, " epochs"]
    test_loss: Float[np.ndarray, " epochs"]
    test_accuracy: Float[np.ndarray, " epochs"]


@dataclass(frozen=True)
class Agreement:
    """For each input: does the compiled network decide the same, and is that proved?

    Attributes
    ----------
    same
        Both networks have their largest output at the same class.
    margin
        How far the original's largest output is ahead of the next.
    needed
        The margin that a proof asks for: certificates of that class and of the rival, at the rival for
        which the least is left.
    proved
        The margin exceeds what is needed against every rival, rounding included.
    """

    same: Bool[Tensor, " batch"]
    margin: Float[Tensor, " batch"]
    needed: Float[Tensor, " batch"]
    proved: Bool[Tensor, " batch"]


def _network(hidden: Sequence[int], generator: torch.Generator) -> nn.Sequential:
    widths = [64, *hidden, 10]
    layers: list[nn.Module] = []
    for fan_in, fan_out in pairwise(widths):
        layer = nn.Linear(fan_in, fan_out, dtype=torch.float64)
        normal = torch.randn(fan_out, fan_in, generator=generator, dtype=torch.float64)
        layer.weight.data = normal * (2 / fan_in) ** 0.5
        layer.bias.data.zero_()
        layers += [layer, nn.ReLU()]
    return nn.Sequential(*layers[:-1])


@lru_cache(maxsize=4)
def train_digits(hidden: tuple[int, ...] = (64, 64), seed: int = 0, epochs: int = 40) -> DigitsRun:
    """Train a ReLU classifier of the digits; about two seconds at the defaults.

    Parameters
    ----------
    hidden
        Widths of the hidden layers, each at least 1.
    seed
        Of the start values and of the batches' order; the split is fixed and stratified.
    epochs
        Passes of Adam (rate 0.003, batches of 64) through the training digits, at least 1.

    >>> run = train_digits(hidden=(8,), epochs=1)
    >>> len(run.test_x), len(run.test_accuracy)
    (450, 2)
    """
    if epochs < 1 or not hidden or min(hidden) < 1:
        raise ValueError(
            f"hidden, epochs: {hidden} and {epochs} are given, but widths and epochs of at least 1 are needed"
        )
    digits = load_digits()
    split = train_test_split(
        digits.data / 16.0, digits.target, test_size=0.25, stratify=digits.target, random_state=0
    )
    train_x, test_x, train_y, test_y = (torch.from_numpy(part) for part in split)
    generator = torch.Generator().manual_seed(seed)
    network = _network(hidden, generator)
    optimiser = torch.optim.Adam(network.parameters(), lr=3e-3)
    loss = nn.CrossEntropyLoss()
    curves = []
    for epoch in range(epochs + 1):
        if epoch:
            for batch in torch.randperm(len(train_x), generator=generator).split(64):
                optimiser.zero_grad()
                loss(network(train_x[batch]), train_y[batch]).backward()
                optimiser.step()
        with torch.no_grad():
            outputs = network(test_x)
            right = (outputs.argmax(-1) == test_y).double().mean()
            losses = [float(loss(network(train_x), train_y)), float(loss(outputs, test_y))]
        curves.append([*losses, float(right)])
    columns = np.array(curves).T
    return DigitsRun(network.eval(), train_x, train_y, test_x, test_y, *columns)


@torch.no_grad()
def agreement(
    network: nn.Sequential,
    compiled: AttentionNetwork,
    x: Float[Tensor, "batch features"],
    certificate: Float[Tensor, "#batch outputs"] | None = None,
) -> Agreement:
    """Compare decisions, and prove them equal where the margin allows it.

    Parameters
    ----------
    network, compiled
        The original, and `compile_network(network, beta)`.
    x
        Inputs.
    certificate
        Left out: the certificate of each input. Another bound on |compiled − network| of shape [batch, outputs]
        or [1, outputs] can be given, for instance the global one.

    Notes
    -----
    With outputs f and f̂ and |f̂_j − f_j| ≤ e_j, class i beats j in both networks if f_i − f_j > e_i + e_j. The
    comparison itself rounds; a margin of four units in the last place of the largest output covers that.
    """
    outputs = network(x)
    bound = compiled.certificate(x) if certificate is None else certificate.expand_as(outputs)
    top = outputs.argmax(-1, keepdim=True)
    ahead = outputs.gather(-1, top) - outputs
    needed = bound.gather(-1, top) + bound
    slack = 4 * torch.finfo(outputs.dtype).eps * outputs.abs().amax(-1, keepdim=True)
    left = (ahead - needed - slack).scatter(-1, top, torch.inf)
    rival = left.argmin(-1, keepdim=True)
    margin = ahead.scatter(-1, top, torch.inf).amin(-1)
    return Agreement(
        same=compiled(x).argmax(-1) == top[:, 0],
        margin=margin,
        needed=needed.gather(-1, rival)[:, 0],
        proved=left.amin(-1) > 0,
    )


@lru_cache(maxsize=64)
def at_sharpness(beta: float) -> tuple[AttentionNetwork, Agreement]:
    """Return the default classifier compiled at β, and its agreement on the test digits."""
    run = train_digits()
    compiled = compile_network(run.network, beta)
    return compiled, agreement(run.network, compiled, run.test_x)


@lru_cache(maxsize=1)
def certified_agreement() -> dict[str, Float[np.ndarray, " betas"]]:
    """Return, for each β of `BETAS`, the shares of test digits that agree and that are proved to.

    Keys: `beta`, `agree`, `proved` (per-input certificate), `proved_globally` (global certificate), `error`
    (largest difference of any output), `certificate` (median of the largest of a digit).
    """
    run = train_digits()
    rows = []
    for beta in BETAS:
        compiled, decided = at_sharpness(beta)
        everywhere = compiled.global_certificate(0.0, 1.0).unsqueeze(0)
        globally = agreement(run.network, compiled, run.test_x, everywhere)
        with torch.no_grad():
            error = (compiled(run.test_x) - run.network(run.test_x)).abs().max()
        certificate = compiled.certificate(run.test_x).amax(-1).median()
        shares = [part.double().mean() for part in (decided.same, decided.proved, globally.proved)]
        rows.append([beta, *map(float, shares), float(error), float(certificate)])
    names = ("beta", "agree", "proved", "proved_globally", "error", "certificate")
    return dict(zip(names, np.array(rows).T, strict=True))
