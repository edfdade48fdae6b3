"""The jump in torch: one pass over the logits, a block of rows and tiles at a time.

A tile leaves two numbers behind, its peak and its sum of exponentials; all else is made of them.
Only rows on whose posterior the answer depends are read. Sums are trees of one fixed shape, so the
blocks change no bit. Beside the logits the working memory holds a block and two numbers a tile.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64
from torch import Tensor

from softbook.kernels.jump.random import COIN, TILES, TOKENS, coin, gumbel, words
from softbook.kernels.jump.reference import TILE
from softbook.kernels.jump.transition import log_transition, needs_logits

__all__ = ["gradient", "jump", "log_prob", "work_dtype"]

BLOCK = 2**18
"""Numbers that are worked on at once: they stay in a processor's cache."""


def work_dtype(logits: Tensor) -> torch.dtype:
    """Return float64 for float64 logits and float32 for all others.

    >>> work_dtype(torch.zeros(1, dtype=torch.bfloat16))
    torch.float32
    """
    return torch.float64 if logits.dtype == torch.float64 else torch.float32


def jump(
    logits: Float[Tensor, "n V"],
    tokens: Int64[Tensor, " n"],
    stay: Float[Tensor, " m"],
    jump: Float[Tensor, " m"],
    mask: int,
    seed: int,
    offset: int,
) -> tuple[Int64[Tensor, " n"], Float[Tensor, " n"]]:
    """Return the next tokens and the logarithm of each one's probability.

    `mask` is -1 for the uniform prior. O(n V); ValueError names a row that has no largest finite
    logit.

    >>> surely = torch.ones(1)
    >>> jump(torch.zeros(1, 2), torch.tensor([2]), 0 * surely, surely, 2, 0, 0)
    (tensor([1]), tensor([-0.6931]))
    """
    count, vocabulary = logits.shape
    own = torch.arange(count, device=logits.device)
    jumps = coin(words(seed, offset + own, 0, 1, COIN)[:, 0], stay, jump)
    if mask >= 0:
        jumps &= tokens == mask
    after = tokens.clone()
    log_posterior = torch.zeros(count, dtype=stay.dtype, device=logits.device)
    read = jumps if mask >= 0 else (jump > 0).expand(count)
    for part in _rows(read, _room(vocabulary)):
        peaks, sums = _tile_sums(logits, part)
        top, total = _whole(peaks, sums, part)
        draws = jumps[part] & (total > 0)  # false for NaN: such a row keeps its token
        who = own[part][draws]
        after[who] = _draw(logits, who, peaks[draws], sums[draws], seed, offset + who)
        log_posterior[part] = _logits_at(logits, part, after[part]) - top - total.log()
    return after, log_transition(tokens, after, log_posterior, stay, jump, mask)


def log_prob(
    logits: Float[Tensor, "n V"],
    before: Int64[Tensor, " n"],
    after: Int64[Tensor, " n"],
    stay: Float[Tensor, " m"],
    jump: Float[Tensor, " m"],
    mask: int,
) -> Float[Tensor, " n"]:
    """Return the logarithm of the probability that a jump from `before` ends at `after`.

    >>> never, here = torch.zeros(1), torch.tensor([0])
    >>> log_prob(torch.zeros(1, 2), here, here, 1 - never, never, -1)
    tensor([0.])
    """
    vocabulary = logits.shape[1]
    log_posterior = torch.zeros(len(before), dtype=stay.dtype, device=logits.device)
    log_posterior[after >= vocabulary] = -torch.inf
    for part in _rows(needs_logits(before, after, jump, mask, vocabulary), _room(vocabulary)):
        top, total = _whole(*_tile_sums(logits, part), part)
        log_posterior[part] = _logits_at(logits, part, after[part]) - top - total.log()
    return log_transition(before, after, log_posterior, stay, jump, mask)


def gradient(
    slope: Float[Tensor, " n"],
    logits: Float[Tensor, "n V"],
    before: Int64[Tensor, " n"],
    after: Int64[Tensor, " n"],
    stay: Float[Tensor, " m"],
    jump: Float[Tensor, " m"],
    mask: int,
) -> Float[Tensor, "n V"]:
    """Return the gradient of the sum of slope log K: slope w (one-hot(after) - posterior).

    w is 1 for a token that came from the posterior alone, J p / (stay + J p) for one that may also
    have stayed, and 0 where the logits do not matter.

    >>> one, mask = torch.ones(1), torch.tensor([2])
    >>> gradient(one, torch.zeros(1, 2), mask, torch.tensor([1]), 0 * one, one, 2)
    tensor([[-0.5000,  0.5000]])
    """
    vocabulary = logits.shape[1]
    made = torch.zeros_like(logits)
    jumps = jump.log().expand(len(before))
    stay, jump = (x.expand(len(before)) for x in (stay, jump))
    for part in _rows(needs_logits(before, after, jump, mask, vocabulary), vocabulary):
        one = logits[part].to(stay.dtype).log_softmax(-1)
        here = after[part, None]
        log_p = one.gather(1, here)[:, 0]
        chance = (before[part], after[part], log_p, stay[part], jump[part], mask)
        share = (jumps[part] + log_p - log_transition(*chance)).exp()
        share[before[part] != after[part]] = 1
        weight = slope[part].to(stay.dtype) * share
        one = one.exp_().mul_(-weight[:, None])
        one.scatter_add_(1, here, weight[:, None])
        made[part] = one.to(logits.dtype)
    return made


def _room(vocabulary: int) -> int:
    """Return how many numbers a row needs at once: a tile's noise, or two for each tile."""
    return max(min(TILE, vocabulary), 2 * (-(-vocabulary // TILE)))


def _rows(read: Tensor, numbers: int) -> Iterator[Tensor | slice]:
    """Return the rows to read, so many at a time that their numbers fill no more than a block."""
    most = max(1, BLOCK // numbers)
    if read.all():
        for first in range(0, len(read), most):
            yield slice(first, min(first + most, len(read)))
    else:
        yield from read.nonzero()[:, 0].split(most)


def _count(part: Tensor | slice) -> int:
    return part.stop - part.start if isinstance(part, slice) else len(part)


def _within(part: Tensor | slice, rows: slice) -> Tensor | slice:
    """Return some of the part's rows, a slice for a slice: it is read without a copy."""
    if isinstance(part, slice):
        return slice(part.start + rows.start, part.start + rows.stop)
    return part[rows]


def _blocks(logits: Tensor, part: Tensor | slice) -> Iterator[tuple[slice, slice, Tensor]]:
    """Return blocks of the logits as tiles [rows, tiles, width], the last one padded by -inf."""
    count, vocabulary = _count(part), logits.shape[1]
    whole = vocabulary // TILE * TILE
    across = max(TILE, min(whole, BLOCK // TILE * TILE))
    edges = [(c, min(c + across, whole)) for c in range(0, whole, across)]
    if whole < vocabulary:
        edges.append((whole, vocabulary))
    for low, high in edges:
        width = min(high - low, TILE)
        # A shorter tree would add zeros in the long one: the bits are the same.
        padding = (1 << (width - 1).bit_length()) - width
        down = max(1, BLOCK // (high - low + padding))
        tiles = slice(low // TILE, -(-high // TILE))
        for first in range(0, count, down):
            rows = slice(first, min(first + down, count))
            x = logits[_within(part, rows), low:high].to(work_dtype(logits))
            if padding:
                x = F.pad(x, (0, padding), value=-torch.inf)
            yield rows, tiles, x.unflatten(1, (-1, width + padding))


def _tile_sums(logits: Tensor, part: Tensor | slice) -> tuple[Tensor, Tensor]:
    """Return each tile's peak and its sum of exp(logit - peak), [rows, tiles]."""
    count, tiles = _count(part), -(-logits.shape[1] // TILE)
    dtype = work_dtype(logits)
    peaks, sums = (torch.empty(count, tiles, dtype=dtype, device=logits.device) for _ in range(2))
    room = torch.empty(BLOCK + TILE, dtype=dtype, device=logits.device)
    for rows, at, x in _blocks(logits, part):
        peak = x.amax(-1)
        peaks[rows, at] = peak
        risen = room[: x.numel()].view(x.shape)
        torch.sub(x, _finite(peak)[..., None], out=risen)
        sums[rows, at] = _tree_sum(risen.exp_())
    return peaks, sums


def _tree_sum(x: Tensor) -> Tensor:
    """Return the sums over the last axis, a power of two wide, by halves; spoils x."""
    width, shape = x.shape[-1], x.shape[:-1]
    while width > 16:
        width //= 2
        x[..., :width] += x[..., width : 2 * width]
    # Below a vector's width the numbers of one place lie side by side, and so do the results.
    x = x[..., :width].reshape(-1, width).t().contiguous()
    while width > 1:
        width //= 2
        x = x[:width] + x[width : 2 * width]
    return x[0].view(shape)


def _finite(peak: Tensor) -> Tensor:
    """Return the peaks, 0 for a tile without any: exp(-inf - 0) is 0, and exp(-inf + inf) NaN."""
    return torch.where(peak == -torch.inf, torch.zeros_like(peak), peak)


def _whole(peaks: Tensor, sums: Tensor, part: Tensor | slice) -> tuple[Tensor, Tensor]:
    """Return each row's peak and its sum of exp(logit - peak)."""
    top = peaks.amax(1)
    if top.isinf().any():
        place = int(top.isinf().nonzero()[0, 0])
        row = place + part.start if isinstance(part, slice) else int(part[place])
        raise ValueError(
            f"logits: {float(top[place])} is given as the largest of row {row}, but a finite number "
            "is needed"
        )
    scaled = sums * (peaks - top[:, None]).exp()
    width = scaled.shape[1]
    return top, _tree_sum(F.pad(scaled, (0, (1 << (width - 1).bit_length()) - width)))


def _draw(
    logits: Tensor, part: Tensor, peaks: Tensor, sums: Tensor, seed: int, rows: Tensor
) -> Tensor:
    """Return a token of each row: first a tile by its sum, then one of its tokens."""
    vocabulary, tiles = logits.shape[1], peaks.shape[1]
    tile = torch.zeros_like(rows)
    if tiles > 1:
        noise = gumbel(words(seed, rows, 0, tiles, TILES), peaks.dtype)
        level = peaks - peaks.amax(1, keepdim=True) + sums.log()
        tile = (level + noise).argmax(1)
    width = min(TILE, vocabulary)
    noise = gumbel(words(seed, rows, tile * TILE, width, TOKENS), peaks.dtype)
    if tiles == 1:
        x = logits[part].to(peaks.dtype)
    else:
        at = tile[:, None] * TILE + torch.arange(width, device=logits.device)
        x = logits[part[:, None], at.clamp(max=vocabulary - 1)].to(peaks.dtype)
        x = x.masked_fill_(at >= vocabulary, -torch.inf)
    return tile * TILE + (x - peaks.gather(1, tile[:, None]) + noise).argmax(1)


def _logits_at(logits: Tensor, part: Tensor | slice, tokens: Tensor) -> Tensor:
    """Return one logit of each row; -inf for a token beyond the vocabulary."""
    own = torch.arange(len(logits), device=logits.device)[part]
    inside = tokens < logits.shape[1]
    x = logits[own, tokens.clamp(max=logits.shape[1] - 1)].to(work_dtype(logits))
    return x.masked_fill(~inside, -torch.inf)
