"""Claims that are measured: what the committed study of digits shows."""

from __future__ import annotations

from typing import Any

from softbook.claims import Claim, Tolerance, register
from softbook.diffusion.experiment import study
from softbook.knobs import Choice

EXACT = Tolerance("none: stored numbers of one run are compared")
# From 32 steps on the seeds do not agree on the order of pairs' errors: only four doublings are claimed.
DOUBLED = (1, 2, 4, 8)


def distance(seed: int, steps: int, result: dict[str, Any] | None = None) -> float:
    """Return the mean number of pixels to the nearest digit learned from, of samples in K steps.

    >>> distance(0, 64) < distance(0, 1)
    True
    """
    result = study.load() if result is None else result
    place = study.STEPS.index(steps)
    return result["results"][study.SEEDS.index(seed)]["samples"][place]["nearest"]


def coarse(steps: int, result: dict[str, Any] | None = None) -> dict[str, float]:
    """Return the row of the coarse digits that was drawn in K steps.

    >>> coarse(8)["steps"]
    8
    """
    result = study.load() if result is None else result
    return next(row for row in result["coarse"] if row["steps"] == steps)


def promised(steps: int, result: dict[str, Any] | None = None) -> float:
    """Return the budget of the coarse digits at K steps: model, at the end of its interval, and steps.

    >>> promised(256) < 0.2
    True
    """
    row = coarse(steps, result)
    return row["score_high"] + row["discretisation"]


register(
    Claim(
        id="diff-digits-steps",
        title="More steps make better digits",
        statement=(
            "A masked denoiser of 64 binary pixels is trained on 1,500 digits. Its samples in $2K$ steps are nearer to digits, "
            "by the mean number of pixels to the nearest digit learned from, than those in $K$ steps, for $K=1,2,4,8$ and "
            "each of three seeds. (4,000 samples each; `python -m softbook.diffusion.experiment`, two minutes of one core. "
            "Held-out digits are nearer still.)"
        ),
        evidence="measured",
        source="own",
        knobs={
            "seed": Choice(study.SEEDS, label="seed"),
            "steps": Choice(DOUBLED, label="steps K"),
        },
        predicted=lambda seed, steps: distance(seed, steps),
        measured=lambda seed, steps: distance(seed, 2 * steps),
        tolerance=EXACT,
    )
)

register(
    Claim(
        id="diff-digits-budget",
        title="A trained denoiser keeps within its budget",
        statement=(
            "Digits as four quadrants of three shades: the law of $3^4$ sequences is known, and a denoiser is trained on it. The exact total "
            "variation between its parallel sampler and the digits is within what `error_budget` promises with 95 % "
            "confidence, for every $K$ from 1 to 256."
        ),
        evidence="measured",
        source="own",
        knobs={"steps": Choice(study.COARSE_STEPS, label="steps K")},
        predicted=lambda steps: promised(steps),
        measured=lambda steps: coarse(steps)["measured"],
        tolerance=EXACT,
    )
)
