"""How long sequences of many heads are cut into pieces that fit a processor's cache."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from softbook.kernels.ssd.decays import blocks_below

__all__ = ["Block", "Room", "Slab", "blocks", "slabs"]

AT_ONCE = 64
"""Chunks that are worked on at once: their Q x Q blocks, at Q = 64 in float32, fill a megabyte."""


@dataclass(frozen=True)
class Slab:
    """The tokens start .. stop, in whole chunks of `size` or in a single one that is padded."""

    start: int
    stop: int
    size: int

    @property
    def chunks(self) -> int:
        """Return the number of chunks, a padded one included."""
        return -(-(self.stop - self.start) // self.size)


def slabs(tokens: int, size: int, pairs: int) -> tuple[Slab, ...]:
    """Cut `tokens` so that `pairs` heads have about `AT_ONCE` chunks in a slab.

    The rest that fills no chunk becomes one of the least power of two that holds it.

    >>> [(s.start, s.stop, s.size, s.chunks) for s in slabs(135, 64, 1)]
    [(0, 128, 64, 2), (128, 135, 8, 1)]
    """
    whole, step = tokens // size * size, max(1, AT_ONCE // pairs) * size
    cuts = [Slab(start, min(start + step, whole), size) for start in range(0, whole, step)]
    if whole < tokens:
        cuts.append(Slab(whole, tokens, 1 << (tokens - whole - 1).bit_length()))
    return tuple(cuts)


@dataclass(frozen=True)
class Block:
    """Some batches and heads that are worked on together; a single head needs no copy.

    Head h of batch b counts as pair b H + h; `first` is the block's first, and its pairs follow
    one another. A slab has several chunks only where one block holds all pairs. `share` heads read
    one group.
    """

    batches: slice
    heads: slice
    share: int
    first: int

    @property
    def pairs(self) -> int:
        """Return the number of heads, counted in every batch."""
        return (self.batches.stop - self.batches.start) * (self.heads.stop - self.heads.start)

    def of_heads(self, tensor: Tensor, slab: Slab, dtype: torch.dtype) -> Tensor:
        """Return the rows of ``[B, T, H, W]`` as ``[chunks * pairs, size, W]``."""
        return _chunks(tensor[self.batches, slab.start : slab.stop, self.heads], slab, dtype)

    def of_groups(self, tensor: Tensor, slab: Slab, dtype: torch.dtype) -> Tensor:
        """Return what each head reads of its group in ``[B, T, G, N]``, as `of_heads` does."""
        part = tensor[self.batches, slab.start : slab.stop]
        return _chunks(self._read(part), slab, dtype)

    def add_to_groups(self, total: Tensor, slab: Slab, chunks: Tensor) -> None:
        """Add what the heads send back, ``[chunks * pairs, size, N]``, to their groups' rows."""
        part = total[self.batches, slab.start : slab.stop]
        if self._one_to_one:
            self._read(part).add_(self._rows(chunks, slab))
        else:
            part.index_add_(2, self._groups(total), self._rows(chunks, slab))

    def put(self, total: Tensor, slab: Slab, chunks: Tensor) -> None:
        """Copy ``[chunks * pairs, size, W]`` to the block's rows of ``[B, T, H, W]``."""
        total[self.batches, slab.start : slab.stop, self.heads] = self._rows(chunks, slab)

    def store(self, states: Tensor, own: Tensor) -> None:
        """Copy the block's states ``[pairs, N, P]`` into ``[B, H, N, P]``."""
        states[self.index] = own.view_as(states[self.index])

    @property
    def index(self) -> tuple[slice, slice]:
        """Return where the block stands among batches and heads."""
        return self.batches, self.heads

    def _rows(self, chunks: Tensor, slab: Slab) -> Tensor:
        """Return ``[chunks * pairs, size, W]`` as ``[batches, T, heads, W]`` without padding."""
        heads = self.heads.stop - self.heads.start
        shape = slab.chunks, self.pairs // heads, heads, slab.size, chunks.shape[-1]
        rows = chunks.view(shape).permute(1, 0, 3, 2, 4).flatten(1, 2)
        return rows[:, : slab.stop - slab.start]

    @property
    def _one_to_one(self) -> bool:
        return self.share == 1 or self.heads.stop - self.heads.start == 1

    def _read(self, part: Tensor) -> Tensor:
        if not self._one_to_one:
            return part.index_select(2, self._groups(part))
        first = self.heads.start // self.share
        return part[:, :, first : first + self.heads.stop - self.heads.start]

    def _groups(self, tensor: Tensor) -> Tensor:
        heads = torch.arange(self.heads.start, self.heads.stop, device=tensor.device)
        return heads.div(self.share, rounding_mode="floor")


def blocks(batches: int, heads: int, share: int, chunks: int) -> Iterator[Block]:
    """Yield whole batches, or heads of one batch, of at most about `AT_ONCE` chunks together.

    >>> [(b.batches, b.heads) for b in blocks(1, 3, 1, 32)]
    [(slice(0, 1, None), slice(0, 2, None)), (slice(0, 1, None), slice(2, 3, None))]
    """
    pairs = max(1, AT_ONCE // max(chunks, 1))
    together, step = max(1, pairs // heads), min(pairs, heads)
    for batch in range(0, batches, together):
        for head in range(0, heads, step):
            ends = min(batch + together, batches), min(head + step, heads)
            first = batch * heads + head
            yield Block(slice(batch, ends[0]), slice(head, ends[1]), share, first)


class Room:
    """Q x Q blocks that are used again and again; a new size makes them anew."""

    def __init__(self, dtype: torch.dtype, device: torch.device) -> None:
        self.dtype, self.device = dtype, device
        self.weights = self.mask = torch.empty(0, 0, 0, dtype=dtype, device=device)
        self.blocks: list[Tensor] = []

    def resize(self, chunks: int, size: int) -> None:
        """Hold blocks of `chunks` chunks: weights zero above the diagonal, masks the identity."""
        if self.weights.shape[:2] != (chunks, size):
            self.weights = self.weights.new_zeros(chunks, size, size)
            self.mask = torch.eye(size, dtype=self.dtype, device=self.device).repeat(chunks, 1, 1)
            self.blocks = blocks_below(self.mask)


def _chunks(part: Tensor, slab: Slab, dtype: torch.dtype) -> Tensor:
    """Cut ``[b, T, h, W]`` into chunks; the padding is zero, which is a decay of one for gates.

    Chunk by chunk, so that what is copied lies together, and a step from chunk to chunk as well.
    """
    missing = slab.chunks * slab.size - part.shape[1]
    if missing:
        part = F.pad(part, (0, 0, 0, 0, 0, missing))
    batches, _, heads, width = part.shape
    rows = part.unflatten(1, (slab.chunks, slab.size)).permute(1, 0, 3, 2, 4).to(dtype)
    return rows.reshape(slab.chunks * batches * heads, slab.size, width)
