"""One setting of the experiment in `uap`: its data, its training, and the ramps built by hand beside it.

What of it is published and what is our choice stands in the docstring of `uap`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from softbook.relu_softmax.experiment.anchors import AnchorHeads
from softbook.relu_softmax.experiment.stacked import StackedAttention, stream, train

__all__ = ["SEEDS", "Problem", "Setting", "built", "problem", "run_setting", "short"]

SEEDS = tuple(range(1234, 1245))
"""The eleven seeds of the published code."""


@dataclass(frozen=True)
class Setting:
    """One setting of the experiment; the defaults are the published ones.

    `heads` H, range [`low`, `high`] = [a, b] (unit of the target), `keys` p, `tokens` n, `features` d, `width`
    of the layer, `samples` in all of which every fifth part is the test set, `epochs`, `batch` and Adam's `rate`.

    >>> Setting(heads=4).name
    'heads-4_range-50_keys-60'
    """

    heads: int = 1
    low: float = -25.0
    high: float = 25.0
    keys: int = 60
    tokens: int = 50
    features: int = 10
    width: int = 32
    samples: int = 1000
    epochs: int = 50
    batch: int = 32
    rate: float = 1e-3

    def __post_init__(self) -> None:
        if not self.low < self.high:
            raise ValueError(
                f"low, high: {self.low}, {self.high} are given, but low < high is needed"
            )
        if self.samples < 5:
            raise ValueError(f"samples: {self.samples} is given, but at least 5 are needed")
        if self.tokens < 4:
            raise ValueError(f"tokens: {self.tokens} is given, but at least 4 are needed")

    @property
    def range(self) -> float:
        """The length |b - a| of the range."""
        return self.high - self.low

    @property
    def name(self) -> str:
        """A name for files and progress."""
        return f"heads-{self.heads}_range-{self.range:g}_keys-{self.keys}"


class Problem(NamedTuple):
    """Data of one setting for each seed; `y` is the target, `s` its linear form before the clip."""

    x_train: Float[Tensor, "seeds train tokens features"]
    y_train: Float[Tensor, "seeds train tokens"]
    x_test: Float[Tensor, "seeds test tokens features"]
    y_test: Float[Tensor, "seeds test tokens"]
    s_test: Float[Tensor, "seeds test tokens"]


def problem(setting: Setting, seeds: Sequence[int], dtype: torch.dtype = torch.float32) -> Problem:
    """Draw the data of `setting` for each seed; a seed's inputs and weights are the same in all settings.

    Cost: O(seeds * samples * tokens * features).

    >>> problem(Setting(samples=10), [1234]).x_test.shape
    torch.Size([1, 2, 50, 10])
    """
    inputs, linear = [], []
    for seed in seeds:
        draw = stream(seed, "data")
        size = (setting.tokens, setting.features)
        weight = torch.randn(size, generator=draw, dtype=torch.float64)
        offset = torch.randn(setting.tokens, generator=draw, dtype=torch.float64)
        x = 10 * torch.rand(setting.samples, *size, generator=draw, dtype=torch.float64) - 5
        inputs.append(x.to(dtype))
        linear.append(((x * weight).sum(dim=-1) + offset).to(dtype))
    x, s = torch.stack(inputs), torch.stack(linear)
    y = s.clamp(setting.low, setting.high)
    cut = setting.samples - setting.samples // 5
    return Problem(x[:, :cut], y[:, :cut], x[:, cut:], y[:, cut:], s[:, cut:])


def short(values: Iterable[float] | Tensor) -> list[float]:
    """Round to six significant digits: far below the scatter between seeds, and a small file.

    >>> short([1 / 3, 2e-9])
    [0.333333, 2e-09]
    """
    return [float(f"{float(value):.6g}") for value in values]


def built(setting: Setting) -> dict[str, AnchorHeads]:
    """Return the ramps built by hand that stand beside a trained setting.

    One head with p = `keys` anchors ("anchors"), and H = `heads` heads with n - 2 anchors each, H(n - 2)
    in all ("heads"), both at the best sharpness.

    >>> built(Setting(heads=2))["heads"].anchors
    48
    """
    low, high = setting.low, setting.high
    return {
        "anchors": AnchorHeads(low, high, anchors=setting.keys),
        "heads": AnchorHeads(low, high, anchors=setting.tokens - 2, heads=setting.heads),
    }


def run_setting(
    setting: Setting,
    seeds: Sequence[int] = SEEDS,
    *,
    dtype: torch.dtype = torch.float32,
    tick: Callable[[], None] = lambda: None,
) -> dict[str, Any]:
    """Train one layer a seed and return JSON-ready figures, one a seed.

    `mse`: test mean square over all columns (the paper's figure); `ramp_mse`: over the ramp's column;
    `baseline`: that of the training mean of each token, which sees no input; `built`: that of the ramps
    built by hand on the same test data; `curve`: medians over seeds of the losses at some epochs. All in
    squared units of the target. `tick` is called after each epoch.
    """
    data = problem(setting, seeds, dtype)
    started = time.perf_counter()
    layer = StackedAttention(
        seeds,
        features=setting.features,
        tokens=setting.tokens,
        keys=setting.keys,
        heads=setting.heads,
        width=setting.width,
        dtype=dtype,
    )
    curve = train(
        layer,
        seeds,
        data[:4],
        epochs=setting.epochs,
        batch=setting.batch,
        rate=setting.rate,
        tick=tick,
    )
    baseline = (data.y_test - data.y_train.mean(dim=1, keepdim=True)).square().mean(dim=(1, 2))
    epochs = [
        e for e in range(1, setting.epochs + 1) if e <= 4 or e % 5 == 0 or e == setting.epochs
    ]
    rows = [e - 1 for e in epochs]
    return {
        "setting": asdict(setting),
        "mse": short(curve.test[-1]),
        "ramp_mse": short(curve.test_ramp[-1]),
        "baseline": short(baseline),
        "built": {
            name: short(
                (ramp(s.flatten()) - s.flatten().double().clamp(ramp.low, ramp.high))
                .square()
                .mean()
                for s in data.s_test
            )
            for name, ramp in built(setting).items()
        },
        "curve": {
            "epoch": epochs,
            "train": short(curve.train[rows].median(dim=1).values),
            "test": short(curve.test[rows].median(dim=1).values),
        },
        "seconds": round(time.perf_counter() - started, 1),
    }
