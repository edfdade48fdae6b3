"""The settings of a fine-tuning: checked, with what they cost, in the form that a checkpoint keeps."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

from softbook.checks import count, number, one_of
from softbook.diffusion.theory.checks import PRIORS
from softbook.domino.model.gradient import METHODS
from softbook.domino.model.regulariser import FORMS

__all__ = ["Recipe", "finite", "positive", "recipe_of"]

EPOCHS = 2
"""Updates a rollout where ratios guard against old samples."""


@dataclass(frozen=True)
class Recipe:
    """What fixes the numbers of a fine-tuning; see `finetune` for each."""

    sites: int
    tokens: int
    steps: int
    batch: int
    method: str
    regulariser: str
    strength: float
    groups: int | None
    clip: float
    epochs: int
    steps_per_update: int
    rate: float
    seed: int
    prior: str

    @property
    def forward(self) -> int:
        """Passes of the batch through model or reference in an iteration, at most.

        One a step of the sampler; one for each step of an update, twice with a reference; with several
        updates the old likelihoods besides.
        """
        drawn = self.epochs * self.steps_per_update
        old = min(drawn, self.steps) if self.epochs > 1 else 0
        return self.steps + drawn * (2 if self.strength else 1) + old

    @property
    def backward(self) -> int:
        """Passes back through the model in an iteration, at most."""
        return self.epochs * self.steps_per_update

    def kept(self) -> dict[str, Any]:
        """Return the settings as JSON holds them: it knows no infinity, so a clip of it is a word.

        >>> recipe_of(sites=80, tokens=4, clip=math.inf).kept()["clip"]
        'inf'
        """
        found = asdict(self)
        return found | {"clip": self.clip if math.isfinite(self.clip) else str(self.clip)}

    def cost(self, iterations: int) -> str:
        """Return in words what so many iterations cost.

        >>> recipe_of(sites=80, tokens=4, strength=0.1).cost(200)
        '200 iterations of 52 passes of 64 sequences forward and 12 back'
        """
        return (
            f"{iterations:,} iterations of {self.forward} passes of {self.batch} sequences forward"
            f" and {self.backward} back"
        )


def positive(name: str, value: float) -> float:
    """Return `value` as a float; raise unless it is finite and above 0.

    >>> positive("rate", 1)
    1.0
    """
    found = number(name, value, 0.0)
    if not 0 < found < math.inf:
        raise ValueError(f"{name}: {value} is given, but a finite number above 0 is needed")
    return found


def finite(name: str, value: float) -> float:
    """Return `value` as a float; raise unless it is finite and at least 0.

    >>> finite("strength", 0)
    0.0
    """
    if not math.isfinite(found := number(name, value, 0.0)):
        raise ValueError(f"{name}: {value} is given, but a finite number of at least 0 is needed")
    return found


def recipe_of(
    *,
    sites: int,
    tokens: int,
    steps: int = 16,
    batch: int = 64,
    method: str = "ppo",
    regulariser: str = "tv",
    strength: float = 0.0,
    groups: int | None = None,
    clip: float = 0.2,
    epochs: int | None = None,
    steps_per_update: int = 6,
    rate: float = 1e-3,
    seed: int = 0,
    prior: str = "masked",
) -> Recipe:
    """Return the checked settings of a fine-tuning; raise with a sentence at what is not allowed.

    >>> recipe_of(sites=80, tokens=4, method="reinforce").epochs
    1
    """
    word = one_of("method", method, METHODS)
    many = count("batch", batch, 2)
    updates = (1 if word == "reinforce" else EPOCHS) if epochs is None else count("epochs", epochs)
    if word == "reinforce" and updates > 1:
        raise ValueError(
            f"epochs: {updates} is given, but reinforce, which knows no ratios, needs 1"
        )
    if groups is not None:
        parts = count("groups", groups)
        if many % parts or many // parts < 2:
            raise ValueError(
                f"groups: {parts} is given, but groups of 2 or more that divide the batch,"
                f" {many}, are needed"
            )
    if math.isnan(room := number("clip", clip, 0.0)):
        raise ValueError("clip: nan is given, but a number of at least 0 is needed")
    length = count("steps", steps)
    return Recipe(
        sites=count("sites", sites),
        tokens=count("tokens", tokens, 2),
        steps=length,
        batch=many,
        method=word,
        regulariser=one_of("regulariser", regulariser, FORMS),
        strength=finite("strength", strength),
        groups=groups,
        clip=room,
        epochs=updates,
        steps_per_update=min(length, count("steps_per_update", steps_per_update)),
        rate=positive("rate", rate),
        seed=count("seed", seed, 0),
        prior=one_of("prior", prior, PRIORS),
    )
