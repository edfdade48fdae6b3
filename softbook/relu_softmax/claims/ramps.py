"""Claims on ramps: anchors (T4), and two heads."""

from __future__ import annotations

import torch

from softbook.claims import Claim, Hypothesis, Tolerance, register
from softbook.knobs import Integer, Linear, Log
from softbook.relu_softmax.claims.common import U, head_rounding, scalar
from softbook.relu_softmax.experiment.sharpness import best_sharpness
from softbook.relu_softmax.model import anchor_head, anchor_ramp, two_head_ramp
from softbook.relu_softmax.theory import (
    interior_series,
    outside_series,
    two_head_ramp_bound,
)


def _error(anchors: int, sharpness: float, place: float, missing: bool = False) -> float:
    """Return the error in steps h at `place`, a share of the range; `missing` drops the middle anchor."""
    steps = anchors - 1
    s = place * steps
    if missing:
        places = torch.arange(anchors, dtype=torch.float64) - steps / 2
        places = torch.cat([places[: anchors // 2], places[anchors // 2 + 1 :]])
        out = float(anchor_head(scalar(s - steps / 2), places, sharpness)) + steps / 2
    else:
        out = float(anchor_ramp(scalar(s), 0.0, float(steps), anchors, sharpness))
    return abs(out - min(max(s, 0.0), float(steps)))


def _rounding(anchors: int, sharpness: float, place: float, **_: bool) -> float:
    # Scores reach c·s·p in size before the softmax shifts them; each errs by a few u of that, which
    # moves weight between anchors by as much, over a distance of a few steps.
    size = anchors * (1 + abs(place))
    return 64 * U * (sharpness * size * size + size)


_REASON = (
    "rounding in steps h: scores of size c·p² are computed to a few u, which moves weight between "
    "neighbouring anchors by as much (64u(cp²+p))"
)
ANCHORS = Integer(2, 128, default=12, label="anchors p")
SHARPNESS = Log(0.05, 100, default=2.7, label="sharpness c = βh²")

register(
    Claim(
        id="ramp-anchors",
        title="A ramp from anchors",
        statement=(
            r"Let $p\ge2$ anchors stand at $L_k=a+kh$, $h=(b-a)/(p-1)$, with scores $-\beta(s-L_k)^2$ and values "
            r"$L_k$, and let $c=\beta h^2$. Then the head's output $A_\beta(s)$ obeys, for **all** real $s$,"
            "\n\n"
            r"$$\begin{aligned}&\bigl|A_\beta(s)-\mathrm{clip}_{[a,b]}(s)\bigr|\\&\;\le\;h\Bigl(\tfrac12+\sum_{m\ge1}(m+1)\,e^{-cm^2}\Bigr).\end{aligned}$$"
        ),
        evidence="proved",
        source="own",
        knobs={
            "anchors": ANCHORS,
            "sharpness": SHARPNESS,
            "place": Linear(-0.5, 1.5, default=0.3, label="input, as a share of the range"),
        },
        predicted=lambda anchors, sharpness, place, **_: interior_series(sharpness),
        measured=_error,
        tolerance=Tolerance(_REASON, _rounding),
        hypotheses=[
            Hypothesis(
                "anchors are equally spaced",
                lambda missing=False, **_: not missing,
                violation={"anchors": 13, "sharpness": 20.0, "place": 5.9 / 12, "missing": True},
            )
        ],
    )
)

register(
    Claim(
        id="ramp-outside",
        title="Outside of the ramp",
        statement=(
            r"For $s\notin[a,b]$ the error of the anchors' head is at most $h\sum_{m\ge1}m\,e^{-cm^2}$: far out, "
            "only the last anchor counts."
        ),
        evidence="proved",
        source="own",
        knobs={
            "anchors": ANCHORS,
            "sharpness": SHARPNESS,
            "place": Linear(1, 2, default=1, label="input, as a share of the range"),
        },
        predicted=lambda anchors, sharpness, place: outside_series(sharpness),
        measured=_error,
        tolerance=Tolerance(_REASON, _rounding),
        hypotheses=[
            Hypothesis(
                r"$s$ lies outside of $[a,b]$",
                lambda anchors, sharpness, place: place >= 1,
                violation={"sharpness": 50.0, "place": 0.9},
            )
        ],
    )
)

register(
    Claim(
        id="ramp-two-heads",
        title="A ramp from two heads",
        statement=(
            r"$a+\mathrm{head}(s-a)-\mathrm{head}(s-b)$ is within $\kappa/\beta$ of $\mathrm{clip}_{[a,b]}(s)$ for all "
            r"real $s$: two heads of two keys, and scores that grow like $1/\varepsilon$."
        ),
        evidence="proved",
        source="own",
        knobs={
            "beta": Log(0.1, 1e6, default=10, label="sharpness β"),
            "place": Linear(-1, 2, default=0.1, label="input s on [a, b] = [0, 1]"),
        },
        predicted=lambda beta, place: two_head_ramp_bound(beta),
        measured=lambda beta, place: abs(
            float(two_head_ramp(scalar(place), 0.0, 1.0, beta)) - min(max(place, 0.0), 1.0)
        ),
        tolerance=Tolerance(
            "rounding of two heads: twice 9u|z|+20u/β, and 2u for the sums",
            lambda beta, place: 2 * head_rounding(2.0, beta) + 4 * U,
        ),
        depends=["relu-two-keys"],
    )
)

register(
    Claim(
        id="ramp-best-sharpness",
        title="Sharper is not better",
        statement=(
            r"With many anchors the largest error of the ramp is least near $c=2.72$, where it is about a "
            r"sixteenth of a step, eight times less than the half step of the sharp limit."
        ),
        evidence="measured",
        source="own",
        predicted=lambda: (2.70, 2.74),
        measured=lambda: best_sharpness()[0],
        relation="in",
        tolerance=Tolerance("none: the interval is that of the statement's rounding to 2.72"),
        depends=["ramp-anchors"],
    )
)
