"""The two steps of training by their definition: every sequence is written out and averaged over."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import product

import numpy as np
from jaxtyping import Float64, Int64


@lru_cache(maxsize=64)
def _sequences(
    length: int, vocabulary: int, triggers: int, longest: int
) -> tuple[Int64[np.ndarray, "sequences T"], Float64[np.ndarray, "sequences T features"]]:
    """Return all sequences with ℓ1 = ℓ2 = length, and their features."""
    end = 2 * length + 3
    words = np.array(list(product(range(triggers, vocabulary), repeat=end - 2)))
    tokens = np.concatenate(
        [np.insert(words, [length, end - 2], trigger, axis=1) for trigger in range(triggers)]
    )
    features = np.zeros((*tokens.shape, longest + 2 * vocabulary))
    row, place = np.arange(len(tokens))[:, None], np.arange(end)
    features[row, place, place] = 1
    features[row, place, longest + tokens] = 1
    features[row, place[1:], longest + vocabulary + tokens[:, :-1]] = 1
    return tokens, features


def enumerated_steps(
    masses: Sequence[float] | np.ndarray,
    lengths: Sequence[int] | np.ndarray,
    vocabulary: int,
    triggers: int,
    *,
    previous: bool = True,
    longest: int | None = None,
    rate: float = 0.0,
) -> tuple[Float64[np.ndarray, "features features"], Float64[np.ndarray, "vocabulary features"]]:
    """Return W_KQ(1)/(η_V η_KQ) and W_V(1)/η_V, with means over all sequences in the place of gradients on samples.

    Arguments as for `population_weights`; `rate` is η_V, and 0 its limit. Takes time and memory for n·m^(2ℓ+1) sequences,
    m = `vocabulary` − `triggers`: keep lengths at 3.

    >>> attention, value = enumerated_steps([1.0], [1], 3, 1)
    >>> attention.shape, value.shape, bool(abs(value.sum(0)).max() < 1e-12)
    ((11, 11), (3, 11), True)
    """
    room = longest or 2 * int(max(lengths)) + 3
    features_all = room + 2 * vocabulary
    parts = [
        (float(mass), int(length), *_sequences(int(length), vocabulary, triggers, room))
        for mass, length in zip(masses, lengths, strict=True)
    ]
    value = np.zeros((vocabulary, features_all))
    for mass, length, tokens, features in parts:
        error = np.eye(vocabulary)[tokens[:, length + 1]] - 1 / vocabulary
        value += mass * error.T @ features.mean(1) / len(tokens)
    if not previous:
        value[:, room + vocabulary :] = 0
    attention = np.zeros((features_all, features_all))
    for mass, length, tokens, features in parts:
        logits = rate * features.mean(1) @ value.T
        odds = np.exp(logits - logits.max(1, keepdims=True))
        error = np.eye(vocabulary)[tokens[:, length + 1]] - odds / odds.sum(1, keepdims=True)
        gain = (features @ (error @ value)[:, :, None])[:, :, 0]
        gain = (gain - gain.mean(1, keepdims=True)) / tokens.shape[1]
        keys = (gain[:, None] @ features)[:, 0]
        attention += mass * keys.T @ features[:, -1] / len(tokens)
    return attention, value
