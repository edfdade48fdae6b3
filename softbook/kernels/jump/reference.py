"""The definition of a jump in float64: its law as a table, and the draw, written to be read."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64
from torch import Tensor

from softbook.kernels.jump.random import COIN, TILES, TOKENS, coin, gumbel, words

__all__ = ["TILE", "jump", "law", "log_prob"]

TILE = 512
"""Tokens in a tile of the vocabulary: a part of the definition of the draw."""


def law(
    logits: Float[Tensor, "n V"],
    tokens: Int64[Tensor, " n"],
    stay: Float[Tensor, " m"],
    jump: Float[Tensor, " m"],
    mask: int,
) -> Float[Tensor, "n V+1"]:
    """Return the probability of each next token; entry V is that of a current token beyond V - 1.

    `mask` is -1 for the uniform prior; `stay` and `jump` hold one number, or one a row.

    >>> half = torch.tensor([0.5])
    >>> law(torch.zeros(1, 2), torch.tensor([2]), half, half, 2).tolist()
    [[0.25, 0.25, 0.5]]
    """
    vocabulary = logits.shape[1]
    posterior = F.pad(logits.double().softmax(-1), (0, 1))
    current = F.one_hot(tokens.clamp(max=vocabulary), vocabulary + 1).double()
    mixed = stay.double()[:, None] * current + jump.double()[:, None] * posterior
    if mask < 0:
        return mixed
    return torch.where((tokens == mask)[:, None], mixed, current)


def log_prob(
    logits: Float[Tensor, "n V"],
    before: Int64[Tensor, " n"],
    after: Int64[Tensor, " n"],
    stay: Float[Tensor, " m"],
    jump: Float[Tensor, " m"],
    mask: int,
) -> Float[Tensor, " n"]:
    """Return the logarithm of the law's entry for `after`; -inf for a step that cannot happen.

    >>> half, mask = torch.tensor([0.5]), torch.tensor([2])
    >>> log_prob(torch.zeros(1, 2), mask, torch.tensor([0]), half, half, 2).exp().item()
    0.25
    """
    vocabulary = logits.shape[1]
    column = after.clamp(max=vocabulary)[:, None]
    chance = law(logits, before, stay, jump, mask).gather(1, column)[:, 0]
    possible = (after < vocabulary) | (after == before)
    return torch.where(possible, chance, torch.zeros_like(chance)).log()


def jump(
    logits: Float[Tensor, "n V"],
    tokens: Int64[Tensor, " n"],
    stay: Float[Tensor, " m"],
    jump: Float[Tensor, " m"],
    mask: int,
    seed: int,
    offset: int,
) -> tuple[Int64[Tensor, " n"], Float[Tensor, " n"]]:
    """Return the next token of each row and the logarithm of its probability.

    A draw adds a Gumbel number to the logarithm of each tile's sum of exp(logits), takes the largest
    tile, adds a Gumbel number to each of its logits and takes the largest token: a tile wins with
    its share of the posterior, a token with its share of the tile. A row that is read and has no
    finite sum keeps its token, with the logarithm NaN.

    >>> never, surely = torch.zeros(1), torch.ones(1)
    >>> logits = torch.tensor([[-torch.inf, 0.0]])
    >>> jump(logits, torch.tensor([2]), never, surely, 2, 0, 0)[0].tolist()
    [1]
    """
    count, vocabulary = logits.shape
    rows = offset + torch.arange(count, device=logits.device)
    jumps = coin(words(seed, rows, 0, 1, COIN)[:, 0], stay.double(), jump.double())
    tiles = -(-vocabulary // TILE)
    padded = F.pad(logits.double(), (0, tiles * TILE - vocabulary), value=-torch.inf)
    within = padded.view(count, tiles, TILE)
    sums = within.logsumexp(-1) + gumbel(words(seed, rows, 0, tiles, TILES), torch.float64)
    tile = sums.argmax(-1)
    chosen = within.take_along_dim(tile[:, None, None], 1)[:, 0]
    noise = gumbel(words(seed, rows, tile * TILE, TILE, TOKENS), torch.float64)
    drawn = tile * TILE + (chosen + noise).argmax(-1)
    finite = within.flatten(1).logsumexp(-1).isfinite()
    opens = jumps if mask < 0 else jumps & (tokens == mask)
    read = jump > 0 if mask < 0 else opens
    after = torch.where(opens & finite, drawn, tokens)
    log_p = log_prob(logits, tokens, after, stay, jump, mask)
    return after, log_p.masked_fill(read & ~finite, torch.nan)
