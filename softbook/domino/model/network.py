"""Two small convolutional networks on sequences: a masked denoiser, and a reward that is learned.

Nothing depends on the length, so the same networks read 80 letters here and 200 elsewhere.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64, Shaped
from torch import Tensor, nn

from softbook.checks import count

__all__ = ["MaskedNet", "Oracle"]


def _odd(kernel: int) -> int:
    if count("kernel", kernel) % 2 == 0:
        raise ValueError(f"kernel: {kernel} is given, but an odd number is needed")
    return kernel


def _shown(tokens: Tensor, letters: int, dtype: torch.dtype) -> Tensor:
    """Return one-hot rows ``[n, d, letters]``; tokens beyond the letters raise a ValueError."""
    if tokens.dim() != 2:
        raise ValueError(f"tokens: shape {tuple(tokens.shape)} is given, but [n, d] is needed")
    if tokens.numel() and not (0 <= int(tokens.min()) <= int(tokens.max()) < letters):
        low, high = int(tokens.min()), int(tokens.max())
        raise ValueError(f"tokens: {low} to {high} are given, but 0 to {letters - 1} are needed")
    return F.one_hot(tokens, letters).to(dtype)


class _Residual(nn.Module):
    """x + W·gelu(norm(x)) along the sequence: a dilated convolution on ``[n, d, channels]``."""

    def __init__(self, channels: int, kernel: int, dilation: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(channels)
        reach = dilation * (kernel // 2)
        self.mix = nn.Conv1d(channels, channels, kernel, padding=reach, dilation=dilation)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.mix(F.gelu(self.norm(x)).mT).mT


class _Trunk(nn.Module):
    """One convolution, then residual ones of dilations 1, 2, 4, ..., `widest`, 1, 2, ...: ``[n, d, channels]``.

    Beyond the ends stand zeros, which no letter has: the ends can be seen.
    """

    def __init__(self, letters: int, channels: int, layers: int, kernel: int, widest: int) -> None:
        super().__init__()
        self.first = nn.Conv1d(letters, channels, 9, padding=4)
        cycle = count("widest", widest).bit_length()
        self.layers = nn.Sequential(
            *(
                _Residual(channels, _odd(kernel), 2 ** (layer % cycle))
                for layer in range(layers - 1)
            )
        )
        self.norm = nn.LayerNorm(channels)

    def forward(self, shown: Tensor) -> Tensor:
        return F.gelu(self.norm(self.layers(self.first(shown.mT).mT)))


class MaskedNet(nn.Module):
    """A masked denoiser: (tokens int64 ``[n, d]`` in 0..S, S a mask, t) -> logits ``[n, d, S]``.

    The time is not looked at: the posterior of the masked path does not depend on it beyond what is
    masked. At open sites the logits mean nothing. O(n·d·layers·channels²·kernel).

    Parameters
    ----------
    tokens
        S, letters without the mask, at least 1.
    channels, layers, kernel
        Width, convolutions (at least 1), and how many sites all but the first see (odd; the first: 9).
    widest
        Greatest dilation; dilations double from 1 up to it, then start again.

    Raises
    ------
    ValueError, TypeError
        If a setting or a token is not allowed, with a sentence.

    >>> net = MaskedNet()
    >>> net(torch.tensor([[0, 4, 4, 3, 1]]), 0.5).shape
    torch.Size([1, 5, 4])
    >>> sum(weight.numel() for weight in net.parameters())
    37492
    """

    def __init__(
        self,
        tokens: int = 4,
        channels: int = 48,
        layers: int = 4,
        *,
        kernel: int = 5,
        widest: int = 8,
    ) -> None:
        super().__init__()
        self.tokens = count("tokens", tokens)
        self.arguments: dict[str, Any] = {
            "tokens": self.tokens,
            "channels": count("channels", channels),
            "layers": count("layers", layers),
            "kernel": kernel,
            "widest": widest,
        }
        self.trunk = _Trunk(self.tokens + 1, channels, layers, kernel, widest)
        self.head = nn.Linear(channels, self.tokens)

    def forward(self, tokens: Int64[Tensor, "n d"], time: float = 0.0) -> Float[Tensor, "n d S"]:
        """Return the logits of every site's letter."""
        return self.head(self.trunk(_shown(tokens, self.tokens + 1, self.head.weight.dtype)))


class Oracle(nn.Module):
    """A learned reward ``[n]`` of letters int64 ``[n, d]``, or of probabilities or one-hot rows ``[n, d, S]``.

    It is differentiable in the latter. Features are averaged and maximised over the sites, so the
    value is a number a sequence, whatever the length. Settings as in `MaskedNet`; no mask is read.

    Raises
    ------
    ValueError, TypeError
        If a setting, a token or a shape is not allowed, with a sentence.

    >>> oracle, letters = Oracle(), torch.tensor([[0, 3, 3, 1]])
    >>> value = oracle(letters)
    >>> value.shape, bool(torch.allclose(value, oracle(F.one_hot(letters, 4).float())))
    (torch.Size([1]), True)
    """

    def __init__(
        self,
        tokens: int = 4,
        channels: int = 48,
        layers: int = 3,
        *,
        kernel: int = 5,
        widest: int = 8,
    ) -> None:
        super().__init__()
        self.tokens = count("tokens", tokens)
        self.arguments: dict[str, Any] = {
            "tokens": self.tokens,
            "channels": count("channels", channels),
            "layers": count("layers", layers),
            "kernel": kernel,
            "widest": widest,
        }
        self.trunk = _Trunk(self.tokens, channels, layers, kernel, widest)
        self.head = nn.Sequential(
            nn.Linear(2 * channels, channels), nn.GELU(), nn.Linear(channels, 1)
        )

    def forward(self, tokens: Shaped[Tensor, "..."]) -> Float[Tensor, " n"]:
        """Return each row's value."""
        dtype = self.trunk.first.weight.dtype
        if not tokens.is_floating_point():
            shown = _shown(tokens, self.tokens, dtype)
        elif tokens.dim() == 3 and tokens.shape[-1] == self.tokens:
            shown = tokens.to(dtype)
        else:
            raise ValueError(
                f"tokens: a real tensor of shape {tuple(tokens.shape)} is given,"
                f" but [n, d, {self.tokens}] is needed"
            )
        found = self.trunk(shown)
        return self.head(torch.cat([found.mean(1), found.amax(1)], 1)).squeeze(-1)
