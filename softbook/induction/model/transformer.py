"""Small causal transformers on the same task, many at once: separate queries and keys, layers with an MLP, residuals.

One head a layer; a norm without weights before each part; learned positions; no biases. Only the last place answers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Float64, Int64
from torch import Tensor
from tqdm import tqdm

from softbook.checks import count, number
from softbook.induction.model.task import PAD, Sequences, sample_sequences, stack
from softbook.induction.model.training import APART, in_steps, rate_of
from softbook.induction.model.two_steps import settings_of

__all__ = ["Transformers", "answers", "train_transformers"]


@dataclass(frozen=True)
class Transformers:
    """Transformers after a training, settings by seeds, and what was seen on the way.

    Attributes
    ----------
    weights
        By name, with settings · seeds models in front.
    step
        Steps done at each point.
    within
        Share of right answers on new sequences of the training's law.
    correct, pseudo
        Share of right answers on conflicting lengths; of wrong ones that name the token at (ℓ1+ℓ2)/2 + 2.
    """

    weights: dict[str, Tensor]
    step: Int64[Tensor, " points"]
    within: Float64[Tensor, "points settings seeds"]
    correct: Float64[Tensor, "points settings seeds"]
    pseudo: Float64[Tensor, "points settings seeds"]


def _weights(
    source: torch.Generator, vocabulary: int, longest: int, width: int, layers: int, places: float
) -> dict[str, Tensor]:
    """Draw the weights of one model: normal, with the deviation that keeps the scale of what they are applied to."""

    def normal(rows: int, columns: int, scale: float) -> Tensor:
        return scale * torch.randn(rows, columns, generator=source)

    each = width**-0.5
    found = {"token": normal(vocabulary, width, 1.0), "place": normal(longest, width, places)}
    for layer in range(layers):
        for name in ("query", "key", "value", "out"):
            found[f"{name}{layer}"] = normal(width, width, each)
        found[f"up{layer}"] = normal(width, 2 * width, each)
        found[f"down{layer}"] = normal(2 * width, width, (2 * width) ** -0.5)
    return found | {"answer": normal(width, vocabulary, each)}


def _start(
    sources: Sequence[torch.Generator],
    shape: tuple[int, int, int, int, float],
    device: str | torch.device,
    dtype: torch.dtype,
) -> dict[str, Tensor]:
    """Draw the weights of all models, each from its own generator."""
    drawn = [_weights(source, *shape) for source in sources]
    return {
        name: torch.stack([one[name] for one in drawn]).to(device, dtype).requires_grad_()
        for name in drawn[0]
    }


def _norm(x: Tensor) -> Tensor:
    return F.layer_norm(x, x.shape[-1:])


def answers(
    weights: Mapping[str, Float[Tensor, "models _ _"]], sequences: Sequences
) -> Float[Tensor, "models samples vocabulary"]:
    """Return the logits of the next token, at the end of each sequence.

    `weights`: as in `Transformers`; `sequences`: with the dimension of models in front.

    >>> drawn = stack([sample_sequences([1.0], [2], 5, vocabulary=9, triggers=1)])
    >>> one = _weights(torch.Generator().manual_seed(0), 9, 7, 4, 2, 1.0)
    >>> answers({name: part[None] for name, part in one.items()}, drawn).shape
    torch.Size([1, 5, 9])
    """
    token, place = weights["token"], weights["place"]
    models, samples, longest = sequences.tokens.shape
    width, layers = token.shape[-1], sum(name.startswith("up") for name in weights)
    ones = F.one_hot(sequences.tokens.clamp(min=0), token.shape[1]).to(token.dtype)
    x = (ones.flatten(1, 2) @ token).unflatten(1, (samples, longest)) + place[:, None, :longest]
    x = x.flatten(1, 2)
    by_place, heads = (models * samples, longest, width), (models * samples, 1, longest, width)
    for layer in range(layers):
        seen = _norm(x)
        keys, values = (seen @ weights[f"{name}{layer}"] for name in ("key", "value"))
        if layer < layers - 1:
            asks = seen @ weights[f"query{layer}"]
            asks, old, read = (part.view(heads) for part in (asks, keys, values))
            found = F.scaled_dot_product_attention(asks, old, read, is_causal=True).view(x.shape)
        else:
            # Of the last layer only the last place is needed.
            end = (sequences.ends - 1)[..., None, None].expand(-1, -1, 1, width)
            x = x.unflatten(1, (samples, longest)).gather(2, end).squeeze(2)
            asks = (_norm(x) @ weights[f"query{layer}"]).view(-1, width, 1)
            scores = (keys.view(by_place) @ asks).view(sequences.tokens.shape) * width**-0.5
            shares = scores.masked_fill(sequences.tokens == PAD, -torch.inf).softmax(-1)
            found = (shares.view(-1, 1, longest) @ values.view(by_place)).view(x.shape)
        x = x + found @ weights[f"out{layer}"]
        x = x + F.relu(_norm(x) @ weights[f"up{layer}"]) @ weights[f"down{layer}"]
    return _norm(x) @ weights["answer"]


def _tests(
    one_each: Sequence[tuple[Float64[np.ndarray, " lengths"], int, int]],
    lengths: Int64[np.ndarray, " lengths"],
    many: int,
    vocabulary: int,
    longest: int,
    device: str | torch.device,
) -> tuple[Sequences, Sequences]:
    """Draw each model's tests, in and out of distribution, from (law, triggers, seed)."""

    def drawn(family: str) -> Sequences:
        parts = [
            sample_sequences(
                law,
                lengths,
                many,
                vocabulary=vocabulary,
                triggers=triggers,
                family=family,
                longest=longest,
                seed=APART + seed,
            )
            for law, triggers, seed in one_each
        ]
        return stack(parts).to(device)

    return drawn("train"), drawn("conflict")


def _descend(weights: dict[str, Tensor], update: torch.optim.Optimizer, now: Sequences) -> None:
    """Do one step of every model."""
    logits = answers(weights, now).flatten(0, 1)
    loss = F.cross_entropy(logits, now.output.flatten(), reduction="sum") / now.output.shape[1]
    update.zero_grad()
    # The sum over models of their mean loss: none sees another's gradient.
    loss.backward()
    update.step()


def _shares(
    weights: dict[str, Tensor], tests: tuple[Sequences, Sequences], lead: tuple[int, int]
) -> list[Tensor]:
    """Return within, correct and pseudo of every model."""
    with torch.no_grad():
        inside, beyond = (answers(weights, part).argmax(-1) for part in tests)
    right = beyond == tests[1].output
    middle = ((tests[1].first + tests[1].second) // 2 + 1).unsqueeze(-1)
    pseudo = ~right & (beyond == tests[1].tokens.gather(-1, middle).squeeze(-1))
    each = (inside == tests[0].output, right, pseudo)
    return [part.to(torch.float64).mean(-1).cpu().view(lead) for part in each]


def train_transformers(
    masses: Sequence[float] | Sequence[Sequence[float]] | np.ndarray,
    lengths: Sequence[int] | np.ndarray,
    *,
    steps: int,
    rate: float = 3e-3,
    batch: int = 64,
    vocabulary: int = 32,
    triggers: int | Sequence[int] = 1,
    width: int = 32,
    layers: int = 3,
    places: float = 0.1,
    decay: float = 0.01,
    seeds: Sequence[int] = (0,),
    every: int | None = None,
    tests: int = 1000,
    device: str | torch.device = "cpu",
    dtype: torch.dtype = torch.float32,
    progress: bool = False,
) -> Transformers:
    """Train transformers by AdamW on the cross-entropy of the last token, each step on new sequences.

    Parameters
    ----------
    masses, lengths, vocabulary, triggers, batch, steps, rate, every, tests, device, dtype, progress
        As for `train`; out of distribution are the paper's conflicting lengths.
    width, layers
        Of the transformer; the MLP is twice as wide.
    places
        Standard deviation of the positions' vectors at the start; that of the tokens' is 1.
    decay
        AdamW's weight decay.
    seeds
        As for `train`: a model's numbers depend on its own seed only, up to rounding.

    Source: Kawata et al. 2025, Figure 4, in small; what the paper does not say about it is chosen here.

    >>> found = train_transformers([0.5, 0.5], [1, 2], steps=2, width=4, vocabulary=8, tests=10)
    >>> found.step.tolist(), found.correct.shape
    ([0, 1, 2], torch.Size([3, 1, 1]))
    """
    laws, all_lengths, each, room = settings_of(masses, lengths, triggers, None)
    many, checks = count("steps", steps), count("tests", tests)
    size, total = count("batch", batch), count("vocabulary", vocabulary, max(each) + 2)
    shape = (
        total,
        room,
        count("width", width),
        count("layers", layers),
        number("places", places, 0.0),
    )
    apart = max(1, many // 25) if every is None else count("every", every)
    own = [count("seed", seed, 0) for seed in seeds]
    if not own:
        raise ValueError("seeds: none is given, but at least one is needed")
    one_each = [(law, n, seed) for law, n in zip(laws, each, strict=True) for seed in own]
    sources = [torch.Generator().manual_seed(seed) for *_, seed in one_each]
    weights = _start(sources, shape, device, dtype)
    tested = _tests(one_each, all_lengths, checks, total, room, device)
    every_law, every_n = np.stack([law for law, *_ in one_each]), [n for _, n, _ in one_each]
    batches = in_steps(every_law, all_lengths, every_n, sources, size, total, room, device)
    update = torch.optim.AdamW(
        weights.values(),
        lr=rate_of(rate),
        weight_decay=number("decay", decay, 0.0),
        fused=True,
    )
    lead = (len(laws), len(own))
    points, seen = [0], [_shares(weights, tested, lead)]
    for step in tqdm(range(1, many + 1), unit="step", disable=not progress):
        _descend(weights, update, next(batches))
        if step % apart == 0 or step == many:
            points.append(step)
            seen.append(_shares(weights, tested, lead))
    return Transformers(
        {name: part.detach() for name, part in weights.items()},
        torch.tensor(points),
        *(torch.stack(part) for part in zip(*seen, strict=True)),
    )
