"""The single runs of the study: one fine-tuning with its curves, or one draw by another method."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

from torch import Tensor, nn

from softbook.checks import one_of
from softbook.domino.experiment.loaders import text
from softbook.domino.experiment.oracles import load_oracle
from softbook.domino.experiment.pretraining import LENGTH, load_reference
from softbook.domino.experiment.study_measures import MEASURES, counts, measured, samples_of
from softbook.domino.model.baselines.backpropagation import backpropagate
from softbook.domino.model.baselines.guidance import guided
from softbook.domino.model.baselines.particles import smc
from softbook.domino.model.baselines.search import best_of_n
from softbook.domino.model.finetune import finetune
from softbook.domino.model.regression import values

__all__ = ["ITERATIONS", "OTHERS", "SETTINGS", "other", "tuned"]

ITERATIONS = {"weak": 250, "strong": 200}
SETTINGS: dict[str, Any] = {
    "steps": 16,
    "batch": 64,
    "epochs": 1,
    "steps_per_update": 6,
    "rate": 1e-3,
    "regulariser": "tv",
}
"""Of every fine-tuning; see `finetune`."""
LOOKS, SEEN, LOGOS = 10, 128, 2
"""Looks along a run after that at its beginning; samples at each; letters are counted at every second."""
FINAL, FINAL_STEPS, TEXTS = 512, 32, 3
"""Samples and steps of the sampler at the end; samples that are kept as text."""
LOOK_SEED, FINAL_SEED = 10**6, 2 * 10**6
BEST_OF, BETA, BACK_ITERATIONS, BACK_STRENGTH = 16, 0.25, 100, 0.03
"""Of the other methods: draws for one that is kept; β of particles and guidance; of back-propagation."""
OTHERS = ("pretrained", "best of 16", "particles", "guidance", "backpropagation")
PLACE: dict[str, Any] = {"sites": LENGTH, "tokens": 4}


def _reward(tokens: Tensor) -> Tensor:
    """The reward that is steered by: a black box, without gradients."""
    return values(load_oracle("reward"), tokens)


def _smooth(shown: Tensor) -> Tensor:
    """The same reward of probabilities, differentiable."""
    return load_oracle("reward")(shown)


def _end(drawn: Tensor, start: nn.Module) -> dict[str, Any]:
    return {"final": measured(drawn, start), "texts": text(drawn[:TEXTS])}


def tuned(
    seed: int,
    reference: str,
    strength: float,
    method: str = "grpo",
    iterations: int | None = None,
) -> dict[str, Any]:
    """Fine-tune a reference with one strength and seed; return what is seen along the run and at its end.

    `reference`: "weak" or "strong"; `strength`: of the total variation, at least 0; `method`: see `finetune`;
    `iterations`: None for those of `ITERATIONS`. Keys: `iteration` and the `MEASURES` at each, lists (None where
    a correlation is not defined); `final`, the measures at the end, of more samples and steps; `counts`, a
    dict of the letters at each site by iteration; `texts`. Under a minute on one core.

    >>> tuned(0, "other", 0.0)
    Traceback (most recent call last):
    ...
    ValueError: reference: 'other' is given, but one of weak, strong is needed
    """
    total = iterations or ITERATIONS[one_of("reference", reference, tuple(ITERATIONS))]
    model, start = load_reference(reference), load_reference(reference)
    gap = max(1, total // LOOKS)
    seen: dict[str, list[Any]] = {name: [] for name in ("iteration", *MEASURES)}
    logos: dict[str, list[list[int]]] = {}

    def look(done: int) -> None:
        drawn = samples_of(model, SEEN, steps=SETTINGS["steps"], seed=LOOK_SEED + done)
        seen["iteration"].append(done)
        for name, value in measured(drawn, start).items():
            seen[name].append(value)
        if done % (LOGOS * gap) == 0:
            logos[str(done)] = counts(drawn)

    def after(iteration: int, model: nn.Module, row: dict[str, float]) -> None:
        if (iteration + 1) % gap == 0:
            look(iteration + 1)

    look(0)
    finetune(
        model,
        _reward,
        **PLACE,
        **SETTINGS,
        iterations=total,
        method=method,
        strength=strength,
        seed=seed,
        callback=after,
        progress=False,
    )
    drawn = samples_of(model, FINAL, steps=FINAL_STEPS, seed=FINAL_SEED + seed)
    return {**seen, **_end(drawn, start), "counts": logos}


def other(seed: int, reference: str, method: str) -> dict[str, Any]:
    """Return the measures and texts of samples that another method draws for the same reward.

    `reference`: "weak" or "strong"; `method`: one of `OTHERS`. Keys: `final` and `texts`.

    >>> other(0, "weak", "prayer")
    Traceback (most recent call last):
    ...
    ValueError: method: 'prayer' is given, but one of pretrained, best of 16, particles, guidance, backpropagation is needed
    """
    one_of("method", method, OTHERS)
    one_of("reference", reference, tuple(ITERATIONS))
    model, start = load_reference(reference), load_reference(reference)
    place: dict[str, Any] = {**PLACE, "steps": FINAL_STEPS, "seed": FINAL_SEED + seed}
    draws: dict[str, Callable[[], Tensor]] = {
        "pretrained": lambda: samples_of(model, FINAL, steps=FINAL_STEPS, seed=place["seed"]),
        "best of 16": lambda: best_of_n(model, _reward, FINAL, of=BEST_OF, **place),
        "particles": lambda: smc(model, _reward, FINAL, beta=BETA, **place).final,
        "guidance": lambda: guided(model, _smooth, FINAL, beta=BETA, **place),
        "backpropagation": lambda: _backpropagated(model, seed),
    }
    return _end(draws[method](), start)


def _backpropagated(model: nn.Module, seed: int) -> Tensor:
    backpropagate(
        model,
        _smooth,
        **PLACE,
        steps=SETTINGS["steps"],
        batch=SETTINGS["batch"],
        rate=SETTINGS["rate"],
        iterations=BACK_ITERATIONS,
        strength=BACK_STRENGTH,
        reference=copy.deepcopy(model),
        seed=seed,
        progress=False,
    )
    return samples_of(model, FINAL, steps=FINAL_STEPS, seed=FINAL_SEED + seed)
