r"""Algorithm 1: one gradient step on $W_V$, then one on $W_{KQ}$ with fresh sequences, both from zero.

At zero attention every place counts alike, so that both gradients are sums over places of a sequence:

$$-\partial_{W_V}=\tfrac1M\sum(e_o-\tfrac1N)\bar x^\top,\qquad
-\partial_{W_{KQ}}=\tfrac1M\sum\sum_i\tfrac{u_i-\bar u}T\,x_ix_T^\top,\quad u_i=(e_o-p)^\top W_Vx_i,$$

with $p=\mathrm{softmax}(W_V\bar x)$. Unit vectors make them weighted counts, which many models share.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Float64, Int64
from torch import Tensor

from softbook.checks import count, number
from softbook.induction.model.network import places, spread
from softbook.induction.model.task import Sequences, sample_sequences, stack
from softbook.induction.theory.lengths import law_of

__all__ = ["Models", "attention_gradient", "settings_of", "train_two_steps", "value_gradient"]

# Places of sequences that are worked on together: bounds the memory at some 500 MB in float64.
AT_ONCE = 1 << 21


@dataclass(frozen=True)
class Models:
    """Trained models: settings by seeds.

    Attributes
    ----------
    value, attention
        W_V and W_KQ.
    masses
        The law on `lengths` that each setting was trained on.
    lengths, triggers
        All lengths; the number of triggers of each setting.
    vocabulary, longest, previous, seeds
        As given to the training; `longest` is L.
    """

    value: Float[Tensor, "settings seeds vocabulary features"]
    attention: Float[Tensor, "settings seeds features features"]
    masses: Float64[np.ndarray, "settings lengths"]
    lengths: Int64[np.ndarray, " lengths"]
    triggers: tuple[int, ...]
    vocabulary: int
    longest: int
    previous: bool
    seeds: tuple[int, ...]

    def draw(self, samples: int, *, family: str, seed: int) -> Sequences:
        """Draw `samples` sequences of a family for each setting and seed, each from its own generator.

        The generator of a model starts at `seed` plus the seed of its training.
        """
        return stack(
            [
                stack(
                    [
                        sample_sequences(
                            masses,
                            self.lengths,
                            samples,
                            vocabulary=self.vocabulary,
                            triggers=triggers,
                            family=family,
                            longest=self.longest,
                            seed=seed + own,
                        )
                        for own in self.seeds
                    ]
                )
                for masses, triggers in zip(self.masses, self.triggers, strict=True)
            ]
        ).to(self.value.device)


def settings_of(
    masses: Sequence[float] | Sequence[Sequence[float]] | np.ndarray,
    lengths: Sequence[int] | np.ndarray,
    triggers: int | Sequence[int],
    longest: int | None,
) -> tuple[
    Float64[np.ndarray, "settings lengths"], Int64[np.ndarray, " lengths"], tuple[int, ...], int
]:
    """Return laws, lengths, triggers and L of settings, checked.

    The default of `longest` holds every family of the task: 2ℓ + 3 for the greatest length.

    >>> settings_of([0.5, 0.5], [1, 2], 4, None)
    (array([[0.5, 0.5]]), array([1, 2]), (4,), 7)
    """
    rows = np.atleast_2d(np.asarray(masses, dtype=np.float64))
    laws = [law_of(row, lengths) for row in rows]
    each = [triggers] * len(rows) if isinstance(triggers, int) else list(triggers)
    if len(each) != len(rows):
        raise ValueError(
            f"triggers: {len(each)} are given, but one number or one for each of {len(rows)} settings is needed"
        )
    least = 2 * int(laws[0][1].max()) + 3
    room = least if longest is None else count("longest", longest, least)
    return (
        np.stack([law for law, _ in laws]),
        laws[0][1],
        tuple(count("triggers", n) for n in each),
        room,
    )


def value_gradient(
    sequences: Sequences, vocabulary: int, dtype: torch.dtype = torch.float64
) -> Float[Tensor, "models vocabulary features"]:
    """Return −∂loss/∂W_V at zero, the mean over each model's sequences.

    `sequences` has one dimension of models in front. Cost: O(models · samples · T + models · N · (L + 2N)).
    """
    models, samples, longest = sequences.tokens.shape
    features = longest + 2 * vocabulary
    token, before, valid = places(sequences, vocabulary)
    share = valid.to(dtype) / (sequences.ends * samples).unsqueeze(-1)
    row = sequences.output + vocabulary * torch.arange(models, device=token.device)[:, None]
    position = torch.arange(longest, device=token.device).expand_as(token)
    total = torch.zeros(models * vocabulary * features, dtype=dtype, device=token.device)
    for feature, from_place in ((position, 0), (token, 0), (before, 1)):
        index = (row.unsqueeze(-1) * features + feature)[..., from_place:]
        total += torch.bincount(
            index.flatten(), share[..., from_place:].flatten(), minlength=len(total)
        )
    total = total.view(models, vocabulary, features)
    return total - total.sum(1, keepdim=True) / vocabulary


def attention_gradient(
    value: Float[Tensor, "models vocabulary features"], sequences: Sequences
) -> Float[Tensor, "models features features"]:
    """Return −∂loss/∂W_KQ at zero attention, for given values; otherwise as `value_gradient`.

    Cost: O(models · samples · (9T + N(L + 2N))).
    """
    models, samples, longest = sequences.tokens.shape
    vocabulary, features = value.shape[-2:]
    token, before, valid = places(sequences, vocabulary)
    flat = valid.to(value.dtype) / sequences.ends.unsqueeze(-1)
    chances = (spread(flat, sequences, vocabulary) @ value.mT).softmax(-1)
    own = value.gather(1, sequences.output.unsqueeze(-1).expand(-1, -1, features))
    use = own - chances @ value
    gains = use[..., :longest] + use.gather(-1, token)
    gains[..., 1:] += use.gather(-1, before)[..., 1:]
    gains = flat * (gains - (flat * gains).sum(-1, keepdim=True)) / samples

    ends = sequences.ends.unsqueeze(-1)
    last = sequences.tokens.gather(-1, ends - 2)
    asks = (ends - 1, longest + sequences.trigger.unsqueeze(-1), longest + vocabulary + last)
    base = features * torch.arange(models, device=token.device)[:, None, None]
    position = torch.arange(longest, device=token.device).expand_as(token)
    total = torch.zeros(models * features**2, dtype=value.dtype, device=token.device)
    for key, from_place in ((position, 0), (token, 0), (before, 1)):
        for ask in asks:
            index = ((base + key) * features + ask)[..., from_place:]
            total += torch.bincount(
                index.flatten(), gains[..., from_place:].flatten(), minlength=len(total)
            )
    return total.view(models, features, features)


def train_two_steps(
    masses: Sequence[float] | Sequence[Sequence[float]] | np.ndarray,
    lengths: Sequence[int] | np.ndarray,
    *,
    vocabulary: int = 64,
    triggers: int | Sequence[int] = 4,
    samples: int = 8192,
    value_rate: float = 1e3,
    attention_rate: float = 1e4,
    previous: bool = True,
    seeds: Sequence[int] = (0,),
    longest: int | None = None,
    device: str | torch.device = "cpu",
    dtype: torch.dtype = torch.float64,
) -> Models:
    """Train by Algorithm 1: one step on W_V, one on W_KQ with fresh sequences, both from zero.

    Parameters
    ----------
    masses, lengths
        A law on lengths, or one a row for each setting.
    vocabulary, triggers
        N, and n: one number, or one for each setting.
    samples
        Sequences for each of the two steps.
    value_rate, attention_rate
        η_V and η_KQ; the defaults are those of the paper's Figure 3.
    previous
        Whether the values read the previous token too (the paper's model); without it that block stays zero.
    seeds
        One model for each setting and seed. A model's numbers do not depend on which others are trained with it.
    longest
        L, at least 2ℓ + 3 for the greatest length (default: that).
    device, dtype
        Where and in which precision. Sequences are drawn on the CPU.

    Source: Kawata et al. 2025, Algorithm 1.

    >>> models = train_two_steps([1.0], [2], vocabulary=8, triggers=1, samples=500)
    >>> models.attention.shape, models.value.shape
    (torch.Size([1, 1, 23, 23]), torch.Size([1, 1, 8, 23]))
    """
    laws, all_lengths, each, room = settings_of(masses, lengths, triggers, longest)
    many, total = count("samples", samples), count("vocabulary", vocabulary, max(each) + 2)
    up, on = number("value_rate", value_rate, 0.0), number("attention_rate", attention_rate, 0.0)
    every = [(law, n, seed) for law, n in zip(laws, each, strict=True) for seed in seeds]
    if not every:
        raise ValueError("seeds: none is given, but at least one is needed")
    together = max(1, AT_ONCE // (many * room))
    values, attentions = [], []
    for start in range(0, len(every), together):
        part = every[start : start + together]
        sources = [torch.Generator().manual_seed(count("seed", seed, 0)) for *_, seed in part]
        for_value, for_attention = (
            stack(
                [
                    sample_sequences(
                        law,
                        all_lengths,
                        many,
                        vocabulary=total,
                        triggers=n,
                        longest=room,
                        seed=source,
                    )
                    for (law, n, _), source in zip(part, sources, strict=True)
                ]
            ).to(device)
            for _ in range(2)
        )
        value = up * value_gradient(for_value, total, dtype)
        if not previous:
            value[..., room + total :] = 0.0
        values.append(value)
        attentions.append(on * attention_gradient(value, for_attention))
    shape = (len(laws), len(seeds))
    return Models(
        torch.cat(values).unflatten(0, shape),
        torch.cat(attentions).unflatten(0, shape),
        laws,
        all_lengths,
        each,
        total,
        room,
        previous,
        tuple(int(seed) for seed in seeds),
    )
