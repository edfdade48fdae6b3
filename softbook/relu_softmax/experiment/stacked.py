"""One attention layer per seed, all seeds in one tensor.

Parameters and data carry a leading axis `seeds`; the layers never mix it, the loss is the sum of the
seeds' losses and Adam works entry by entry, so that one step trains every seed exactly as it would be
trained alone, in a small part of the time.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

__all__ = ["StackedAttention", "TrainingCurve", "mean_squares", "stream", "train"]


def stream(seed: int, name: str) -> torch.Generator:
    """Return torch's CPU generator for one purpose `name` of one `seed`; purposes do not share numbers.

    >>> a, b = stream(0, "data"), stream(0, "data")
    >>> torch.equal(torch.rand(3, generator=a), torch.rand(3, generator=b))
    True
    """
    if seed < 0:
        raise ValueError(f"seed: {seed} is given, but an integer >= 0 is needed")
    entropy = np.random.SeedSequence((seed, *name.encode())).generate_state(1, np.uint64)[0]
    return torch.Generator().manual_seed(int(entropy))


class StackedAttention(nn.Module):
    """Token map, `keys - tokens` learned extra tokens, one multi-head softmax attention layer.

    For one seed, with token rows x_i and widths `width` = W, heads of width W/H:

        u_i = m_i * (x_i A + a)  for i < tokens,   u_i = learned row  for tokens <= i < keys
        output_i = [head_1, ..., head_H] O + o,    head_h = softmax(Q_h K_h^T / sqrt(W/H)) V_h

    with Q, K, V affine in u. There is no residual and no mask. Only the rows i < tokens are returned, so
    only they ask queries. Linear maps start as torch's `nn.Linear` does (uniform, 1/sqrt(fan-in)), m_i at 1,
    the extra rows at constants evenly spaced on [-1, 1].

    `seeds`: one layer a seed; the start values of a seed do not depend on the other seeds.
    Source: the model of the code published with arXiv 2504.15956 (described in `uap`).

    >>> layer = StackedAttention([0, 1], features=3, tokens=4, keys=6, heads=2, width=8)
    >>> layer(torch.zeros(2, 5, 4, 3)).shape
    torch.Size([2, 5, 4, 8])
    """

    def __init__(
        self,
        seeds: Sequence[int],
        *,
        features: int,
        tokens: int,
        keys: int,
        heads: int,
        width: int,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        super().__init__()
        if not seeds:
            raise ValueError("seeds: none is given, but at least one integer is needed")
        if heads < 1 or width % heads:
            raise ValueError(f"heads: {heads} is given, but a divisor of width = {width} is needed")
        if keys < tokens:
            raise ValueError(f"keys: {keys} is given, but at least tokens = {tokens} are needed")
        self.heads = heads
        generators = [stream(seed, "start") for seed in seeds]

        def uniform(fan_in: int, *shape: int) -> nn.Parameter:
            # drawn in float64, so that both precisions start from the same numbers
            draws = [torch.rand(shape, generator=g, dtype=torch.float64) for g in generators]
            values = (2 * torch.stack(draws) - 1) / math.sqrt(fan_in)
            return nn.Parameter(values.to(dtype))

        count = len(seeds)
        self.token_weight = uniform(features, features, width)
        self.token_bias = uniform(features, 1, width)
        self.modulation = nn.Parameter(torch.ones(count, tokens, width, dtype=dtype))
        rows = torch.linspace(-1, 1, keys - tokens, dtype=dtype)[None, :, None]
        self.extra = nn.Parameter(rows.expand(count, -1, width).clone())
        self.qkv_weight = uniform(width, width, 3 * width)
        self.qkv_bias = uniform(width, 1, 3 * width)
        self.out_weight = uniform(width, width, width)
        self.out_bias = uniform(width, 1, width)

    def forward(
        self, x: Float[Tensor, "seeds batch tokens features"]
    ) -> Float[Tensor, "seeds batch tokens width"]:
        """Return the attention layer's output in the rows of the input tokens.

        Cost: O(seeds * batch * tokens * (width^2 + keys * width)). A wrong shape raises a ValueError.
        """
        count, tokens, width = self.modulation.shape
        features, heads = self.token_weight.shape[1], self.heads
        if x.ndim != 4 or (x.shape[0], *x.shape[2:]) != (count, tokens, features):
            raise ValueError(
                f"x: shape {tuple(x.shape)} is given, "
                f"but ({count}, batch, {tokens}, {features}) is needed"
            )
        batch, size = x.shape[1], width // heads
        token = torch.baddbmm(
            self.token_bias, x.reshape(count, batch * tokens, -1), self.token_weight
        )
        token = token.view(count, batch, tokens, width) * self.modulation[:, None]
        flat = token.view(count, batch * tokens, width)
        qkv = torch.baddbmm(self.qkv_bias, flat, self.qkv_weight)
        qkv = qkv.view(count, batch, tokens, 3, heads, size)
        # the extra rows do not depend on the input: their keys and values are made once for the batch
        extra = torch.baddbmm(
            self.qkv_bias[..., width:], self.extra, self.qkv_weight[..., width:]
        ).view(count, 1, -1, 2, heads, size)
        kv = torch.cat([qkv[:, :, :, 1:], extra.expand(-1, batch, -1, -1, -1, -1)], dim=2)
        kv = kv.flatten(0, 1)  # (seeds * batch, keys, 2, heads, size)
        query = qkv[:, :, :, 0].reshape(count * batch, tokens, heads, size)
        mixed = F.scaled_dot_product_attention(
            query.transpose(1, 2), kv[:, :, 0].transpose(1, 2), kv[:, :, 1].transpose(1, 2)
        )
        mixed = mixed.transpose(1, 2).reshape(count, batch * tokens, width)
        out = torch.baddbmm(self.out_bias, mixed, self.out_weight)
        return out.view(count, batch, tokens, width)


def mean_squares(
    output: Float[Tensor, "seeds batch tokens width"], target: Float[Tensor, "seeds batch tokens"]
) -> tuple[Float[Tensor, " seeds"], Float[Tensor, " seeds"]]:
    """Return for each seed the mean square over all columns, and over column 0 alone.

    The wanted output has `target` in column 0 and zeros elsewhere; the first figure averages over all
    `width` columns (as the published code does), the second over the column that carries the ramp.

    >>> whole, first = mean_squares(torch.ones(1, 2, 3, 4), torch.zeros(1, 2, 3))
    >>> whole.item(), first.item()
    (1.0, 1.0)
    """
    wanted = F.pad(target[..., None], (0, output.shape[-1] - 1))
    square = (output - wanted).square()
    return square.mean(dim=(1, 2, 3)), square[..., 0].mean(dim=(1, 2))


@dataclass(frozen=True)
class TrainingCurve:
    """Losses along the training, for each epoch (row) and seed (column).

    `train`: mean of the epoch's batch losses; `test`: mean square on the test set after the epoch, over
    all columns; `test_ramp`: over column 0 alone.
    """

    train: Float[Tensor, "epochs seeds"]
    test: Float[Tensor, "epochs seeds"]
    test_ramp: Float[Tensor, "epochs seeds"]


def _orders(
    generators: Sequence[torch.Generator], samples: int, batch: int
) -> list[Int[Tensor, "seeds batch"]]:
    order = torch.stack([torch.randperm(samples, generator=g) for g in generators])
    return list(order.split(batch, dim=1))


def train(
    layer: StackedAttention,
    seeds: Sequence[int],
    data: Sequence[Tensor],
    *,
    epochs: int,
    batch: int,
    rate: float,
    tick: Callable[[], None] = lambda: None,
) -> TrainingCurve:
    """Train all seeds at once by Adam on the mean square, and return the losses of every epoch.

    `data`: x_train (seeds, samples, tokens, features), y_train (seeds, samples, tokens), x_test, y_test;
    `batch`: samples a step, drawn without repetition within an epoch, in each seed's own order;
    `rate`: Adam's step, > 0; `tick` is called after each epoch. Cost: epochs * samples forward and
    backward passes.
    """
    if epochs < 1 or batch < 1 or not rate > 0:
        raise ValueError(
            f"epochs, batch, rate: {epochs}, {batch}, {rate} are given, but >= 1, >= 1 and > 0 are needed"
        )
    x_train, y_train, x_test, y_test = data
    generators = [stream(seed, "order") for seed in seeds]
    row = torch.arange(len(seeds))[:, None]
    optimiser = torch.optim.Adam(layer.parameters(), lr=rate)
    history: list[tuple[Tensor, ...]] = []
    for _ in range(epochs):
        losses = []
        for chosen in _orders(generators, x_train.shape[1], batch):
            loss, _ = mean_squares(layer(x_train[row, chosen]), y_train[row, chosen])
            optimiser.zero_grad()
            loss.sum().backward()
            optimiser.step()
            losses.append(loss.detach())
        with torch.no_grad():
            history.append((torch.stack(losses).mean(dim=0), *mean_squares(layer(x_test), y_test)))
        tick()
    return TrainingCurve(*(torch.stack(column) for column in zip(*history, strict=True)))
