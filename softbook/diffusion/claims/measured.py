"""Claims that are measured: what the committed study of digits shows, seed by seed."""

from __future__ import annotations

from typing import Any

from softbook.claims import Claim, Tolerance, register
from softbook.diffusion.experiment import study
from softbook.diffusion.experiment.parts import STEPS
from softbook.knobs import Choice

EXACT = Tolerance("none: stored numbers of one run are compared")
DOUBLED = (1, 2, 4, 8, 16)
"""Numbers of steps whose doubling is claimed to help: thereafter the intervals touch."""
VALUE, LOW, HIGH = range(3)


def stored(
    name: str, form: str, seed: int, steps: int, end: int = VALUE, results: Any = None
) -> float:
    """Return one number of the committed study for `steps` = K; `end` 1 and 2 are those of its interval.

    `results`: what `study.load(form)` returns (default: the committed ones).

    >>> low, high = (stored("nearest", "pixels", 0, 8, end) for end in (LOW, HIGH))
    >>> low < stored("nearest", "pixels", 0, 8) < high
    True
    """
    one = (study.load(form) if results is None else results)[study.SEEDS.index(seed)]
    value = one[name][one["steps"].index(steps)]
    return value[end] if isinstance(value, list) else value


def promised(seed: int, steps: int, results: Any = None) -> float:
    """Return the budget of the quadrants: the model's part, at the upper end of its interval, and the steps'.

    >>> promised(0, 1024) < 0.07
    True
    """
    score = stored("score", "quadrants", seed, steps, HIGH, results)
    return score + stored("birthday", "quadrants", seed, steps, results=results)


SEED = Choice(study.SEEDS, label="seed")

register(
    Claim(
        id="diff-digits-steps",
        title="More steps draw better digits, up to a point",
        statement=(
            "A masked denoiser of 64 binary pixels is trained on 1,500 digits. Its samples in $2K$ steps are nearer to the training "
            "digits, by the mean number of pixels to the nearest one, than those in $K$ steps, for $K=1,2,4,8,16$ and each of three "
            "seeds: the 95 % intervals lie apart. From 32 steps on they touch, and held-out digits are nearer than any samples: the "
            "rest is the model's. (Seeds 0 to 2, 4,000 samples each, `python -m softbook.diffusion.experiment`, three "
            "minutes of one core.)"
        ),
        evidence="measured",
        source="own",
        knobs={"seed": SEED, "steps": Choice(DOUBLED, label="steps K")},
        predicted=lambda seed, steps: stored("nearest", "pixels", seed, steps, LOW),
        measured=lambda seed, steps: stored("nearest", "pixels", seed, 2 * steps, HIGH),
        tolerance=EXACT,
    )
)

register(
    Claim(
        id="diff-digits-coupled",
        title="A trained denoiser pays less for its steps than the bound",
        statement=(
            "The same denoisers write 4,000 rows of 64 pixels twice from the same random numbers, in $K$ steps and one site at a time. "
            "For every $K=1,2,4,\\dots,4096$ and each of three seeds, the share of pairs that differ, at the upper end of its 95 % "
            "interval, is within the birthday bound, which is 1 up to $K=63$. That share is itself a bound on the total variation "
            "between the two samplers. (`python -m softbook.diffusion.experiment`)"
        ),
        evidence="measured",
        source="own",
        knobs={"seed": SEED, "steps": Choice(STEPS["pixels"], label="steps K")},
        predicted=lambda seed, steps: stored("birthday", "pixels", seed, steps),
        measured=lambda seed, steps: stored("differ", "pixels", seed, steps, HIGH),
        tolerance=EXACT,
    )
)

register(
    Claim(
        id="diff-digits-budget",
        title="A trained denoiser keeps within its budget",
        statement=(
            "Digits as four quadrants of three shades: the law on $3^4$ sequences is known, and a denoiser is trained on it. The exact "
            "total variation between its parallel sampler and the digits is within what `error_budget` promises with 95 % confidence, "
            "for $K=1,2,4,\\dots,1024$ and each of three seeds. (`python -m softbook.diffusion.experiment`)"
        ),
        evidence="measured",
        source="own",
        knobs={"seed": SEED, "steps": Choice(STEPS["quadrants"], label="steps K")},
        predicted=lambda seed, steps: promised(seed, steps),
        measured=lambda seed, steps: stored("total", "quadrants", seed, steps),
        tolerance=EXACT,
    )
)
