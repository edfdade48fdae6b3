"""A small residual network whose token mixer is exchanged, everything else being equal.

Glossary: D `width`, H `heads`, N `state`, P = D/H, T time, r rank of the diagonal gate.

    x <- x + mixer(norm(x)),   x <- x + MLP(norm(x)),   `blocks` times;   logits = norm(x) U

Shared by all three mixers: one linear map to queries and keys (N a head) and values (P a head), a causal
convolution over the last `TAPS` positions in each of these channels, root-mean-square normalisation
of each head's output, the output map. The mixers differ in two places only:

- the two SSMs carry data-dependent decays, log a = -softplus(gate), whose biases start at time constants
  1/softplus(bias) from `SLOWEST[0]` to `SLOWEST[1]` steps: one gate a head (scalar-identity), one
  a head and state channel, through rank r (diagonal);
- softmax attention has no decay, hence no sense of distance beyond the convolution: its queries and keys
  are turned by rotary angles, which have no parameters.

The gates' parameters are paid back in the hidden width of the MLP, so that the networks have equal
numbers of parameters to within one hidden unit a block.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from softbook.kernels.ssd import ssd
from softbook.ssd.experiment.setting import Setting, stream
from softbook.ssd.experiment.tasks import symbols

__all__ = ["RANK", "SLOWEST", "TAPS", "Mixer", "Network", "hidden", "rotary"]

TAPS = 4
"""Positions that the short convolution reads: the present one and three before."""
RANK = 8
"""Rank r of the diagonal gate's map from D to H * N."""
SLOWEST = (4.0, 256.0)
"""Shortest and longest time constant (steps) at which the gates start."""


def gate_parameters(setting: Setting) -> int:
    """Return how many parameters the gate of one mixer has.

    >>> gate_parameters(Setting(mixer="scalar")), gate_parameters(Setting(mixer="softmax"))
    (260, 0)
    """
    d, h, n = setting.width, setting.heads, setting.state
    return {"scalar": d * h + h, "diagonal": RANK * (d + h * n) + h * n, "softmax": 0}[
        setting.mixer
    ]


def hidden(setting: Setting) -> int:
    """Return the hidden width of the MLP: 2D, and the units that pay back what the diagonal gate has more.

    >>> [hidden(Setting(mixer=mixer)) for mixer in ("diagonal", "scalar", "softmax")]
    [128, 134, 136]
    """
    dearest = gate_parameters(
        Setting("mqar", "diagonal", width=setting.width, heads=setting.heads, state=setting.state)
    )
    spare = dearest - gate_parameters(setting)
    return 2 * setting.width + round(spare / (2 * setting.width + 1))


def rotary(x: Float[Tensor, "batch time heads state"]) -> Float[Tensor, "batch time heads state"]:
    """Turn channel pairs (i, i + N/2) of the row at time t by the angle t * 10000^(-2i/N).

    The scalar product of a turned query and a turned key depends on their distance, not on their places.
    Cost: O(size of x). Source: arXiv 2104.09864.

    >>> x = torch.ones(1, 2, 1, 2)
    >>> rotary(x)[0, 0, 0].tolist()
    [1.0, 1.0]
    """
    half = x.shape[-1] // 2
    speed = 10000.0 ** (-torch.arange(half, dtype=x.dtype) / half)
    angle = torch.arange(x.shape[1], dtype=x.dtype)[:, None, None] * speed
    cos, sin = angle.cos(), angle.sin()
    a, b = x[..., :half], x[..., half:]
    return torch.cat([a * cos - b * sin, a * sin + b * cos], dim=-1)


class Mixer(nn.Module):
    """Mix the tokens of a sequence causally by one of three mixers; see the module's docstring.

    >>> mixer = Mixer(Setting(mixer="softmax", width=8, heads=2, state=4))
    >>> mixer(torch.zeros(1, 5, 8)).shape
    torch.Size([1, 5, 8])
    """

    def __init__(self, setting: Setting) -> None:
        super().__init__()
        d, h, n = setting.width, setting.heads, setting.state
        self.kind, self.heads, self.state = setting.mixer, h, n
        self.into = nn.Linear(d, h * 2 * n + d, bias=False)
        self.taps = nn.Conv1d(h * 2 * n + d, h * 2 * n + d, TAPS, groups=h * 2 * n + d, bias=False)
        self.out = nn.Linear(d, d, bias=False)
        if self.kind == "scalar":
            self.gate: nn.Module = nn.Linear(d, h)
        elif self.kind == "diagonal":
            self.gate = nn.Sequential(nn.Linear(d, RANK, bias=False), nn.Linear(RANK, h * n))

    def log_decay(self, x: Float[Tensor, "batch time width"]) -> Tensor:
        """Return log a <= 0 of shape (batch, time, H) or (batch, time, H, N)."""
        log_a = -F.softplus(self.gate(x))
        if self.kind == "scalar":
            return log_a
        return log_a.unflatten(-1, (self.heads, self.state))

    def forward(self, x: Float[Tensor, "batch time width"]) -> Float[Tensor, "batch time width"]:
        """Return the mixed tokens; row t depends on rows 0..t. Cost: O(T), for softmax O(T^2)."""
        h, n = self.heads, self.state
        u = F.pad(self.into(x).transpose(1, 2), (TAPS - 1, 0))
        u = self.taps(u).transpose(1, 2)
        q, k, v = u.split([h * n, h * n, x.shape[-1]], dim=-1)
        q, k, v = (part.unflatten(-1, (h, -1)) for part in (q, k, v))
        if self.kind == "softmax":
            q, k, v = (part.transpose(1, 2) for part in (rotary(q), rotary(k), v))
            o = F.scaled_dot_product_attention(q, k, v, is_causal=True).transpose(1, 2)
        else:
            o, _ = ssd(q, k, v, self.log_decay(x), scale=1 / math.sqrt(n))
        return self.out(F.rms_norm(o, (o.shape[-1],), eps=1e-5).flatten(2))


class Block(nn.Module):
    """One mixer and one MLP, each behind a normalisation and beside a residual."""

    def __init__(self, setting: Setting) -> None:
        super().__init__()
        d, wide = setting.width, hidden(setting)
        self.first, self.second = nn.RMSNorm(d, eps=1e-5), nn.RMSNorm(d, eps=1e-5)
        self.mixer = Mixer(setting)
        self.up, self.down = nn.Linear(d, wide), nn.Linear(wide, d, bias=False)

    def forward(self, x: Float[Tensor, "batch time width"]) -> Float[Tensor, "batch time width"]:
        """Return the block's output."""
        x = x + self.mixer(self.first(x))
        return x + self.down(F.gelu(self.up(self.second(x))))


class Network(nn.Module):
    """Embedding, `blocks` blocks, normalisation, and logits over the task's alphabet.

    Start values are drawn from a stream of the seed and the parameter's name: normal with deviation
    1/sqrt(fan-in), divided by sqrt(2 * blocks) where a map writes to the residual stream. So networks of
    one seed share the start values of every parameter that has the same name and shape.

    >>> network = Network(Setting(width=8, heads=2, state=4, mixer="softmax"))
    >>> network(torch.zeros(1, 3, dtype=torch.long)).shape
    torch.Size([1, 3, 128])
    """

    def __init__(self, setting: Setting) -> None:
        super().__init__()
        self.embed = nn.Embedding(symbols(setting.task), setting.width)
        self.blocks = nn.ModuleList(Block(setting) for _ in range(setting.blocks))
        self.norm = nn.RMSNorm(setting.width, eps=1e-5)
        self.logits = nn.Linear(setting.width, symbols(setting.task), bias=False)
        self._start(setting)

    @torch.no_grad()
    def _start(self, setting: Setting) -> None:
        for name, value in self.named_parameters():
            if value.ndim == 1:
                value.fill_(0.0 if name.endswith("bias") else 1.0)
                continue
            fan_in = 1 if name.startswith("embed") else value[0].numel()
            size = 1 / math.sqrt(fan_in)
            if name.endswith(("out.weight", "down.weight")):
                size /= math.sqrt(2 * setting.blocks)
            draw = torch.randn(value.shape, generator=stream(setting.seed, f"start {name}"))
            value.copy_(size * draw)
        for part in self.modules():
            if isinstance(part, Mixer) and part.kind != "softmax":
                _start_gate(part)

    def forward(self, tokens: Int[Tensor, "batch time"]) -> Float[Tensor, "batch time symbols"]:
        """Return logits; those at time t depend on tokens 0..t.

        At least one token, each from 0 to the size of the alphabet less one; otherwise a ValueError.
        """
        size = self.embed.num_embeddings
        if not tokens.numel() or tokens.min() < 0 or tokens.max() >= size:
            given = f"{int(tokens.min())} to {int(tokens.max())}" if tokens.numel() else "none"
            raise ValueError(
                f"tokens: {given} is given, but numbers from 0 to {size - 1} are needed"
            )
        x = self.embed(tokens)
        for block in self.blocks:
            x = block(x)
        return self.logits(self.norm(x))


def _start_gate(mixer: Mixer) -> None:
    """Set the biases so that softplus(bias) is one over time constants evenly spaced in their logarithm."""
    low, high = (math.log(time) for time in SLOWEST)
    count = mixer.heads if mixer.kind == "scalar" else mixer.state
    decay = torch.exp(-torch.linspace(low, high, count))
    weight, bias = list(mixer.gate.parameters())[-2:]
    # softplus(bias) = decay
    bias.copy_(decay.expm1().log().repeat(bias.numel() // count))
    weight.mul_(0.1)  # at the start the decays are those of the biases, nearly
