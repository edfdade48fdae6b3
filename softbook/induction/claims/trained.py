"""Claims that are measured: what the committed trainings of one-layer models show, seed by seed."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from softbook.claims import Claim, Tolerance, register
from softbook.induction.claims.common import PREVIOUS
from softbook.induction.experiment import training, transformer
from softbook.induction.experiment.training import LAWS, LENGTHS, NAMES, SEEDS
from softbook.induction.experiment.transformer import WINDOWS as WINDOWS_OF
from softbook.induction.theory import margin
from softbook.knobs import Choice

EXACT = Tolerance("none: stored numbers of one run are compared")
COMMAND = (
    "(1,000 tests each, `python -m softbook.induction.experiment.training`, a minute of one core.)"
)
ALONE, WINDOWS, MIXED = NAMES[0], ("8 or 9", "7 to 9"), NAMES[3:5]
WIDE = ("5 to 11", "1 to 16", NAMES[-1])
SEED = Choice(SEEDS, label="seed")
HALF, ALL = 0.75, 0.99


@lru_cache(maxsize=1)
def _stored() -> dict[str, Any]:
    return training.load()


def right(law: str, by: str, previous: bool, seed: int, results: Any = None) -> float:
    """Return the share of right answers on ℓ1 ≠ ℓ2 at the end of one training.

    `results`: what `training.load()` returns (default: the committed ones).

    >>> right("1 to 16", "adam", True, 0)
    1.0
    """
    whole = _stored() if results is None else results
    return float(training.final(law, by, previous, results=whole)[SEEDS.index(seed)])


@lru_cache(maxsize=32)
def in_order(previous: bool) -> tuple[str, ...]:
    """Return the laws by their worst margin, the least first.

    >>> in_order(True)[0]
    '8 only'
    """
    top = int(LENGTHS.max())
    return tuple(
        sorted(NAMES, key=lambda law: margin(LAWS[law], LENGTHS, 1, previous=previous, reach=top))
    )


def _many_steps() -> Choice:
    return Choice(["adam", "sgd"], label="trained by")


register(
    Claim(
        id="ind-trained-alone",
        title="One length stays half a shortcut, however it is trained",
        statement=(
            r"A one-layer model ($N=16$, one trigger) that sees only $\ell=8$ is right on at most three quarters of the sequences with "
            r"$\ell_1\ne\ell_2\le16$: after one step, after 600 steps of Adam and after 1,000 of gradient descent, for both kinds of values and "
            f"each of five seeds. One of the ten gradient descents diverged, and counts; the other nine are right on more than half. {COMMAND}"
        ),
        evidence="measured",
        source="own",
        knobs={
            "by": Choice(["one-step", "adam", "sgd"], label="trained by"),
            "previous": PREVIOUS,
            "seed": SEED,
        },
        predicted=lambda **_: HALF,
        measured=lambda by, previous, seed: right(ALONE, by, previous, seed),
        tolerance=EXACT,
    )
)

register(
    Claim(
        id="ind-trained-wide",
        title="Wide laws give induction, however they are trained",
        statement=(
            r"Trained on lengths 5 to 11, on 1 to 16, or on a law linear in the length, the same models are right on at least 99 % of these "
            f"sequences, after one step, Adam or gradient descent, for both kinds of values and each of five seeds. {COMMAND}"
        ),
        evidence="measured",
        source="own",
        knobs={
            "law": Choice(WIDE, label="lengths"),
            "by": Choice(["one-step", "adam", "sgd"], label="trained by"),
            "previous": PREVIOUS,
            "seed": SEED,
        },
        predicted=lambda law, by, previous, seed: right(law, by, previous, seed),
        measured=lambda **_: ALL,
        tolerance=EXACT,
    )
)

register(
    Claim(
        id="ind-trained-margin",
        title="The worst margin orders one step of training",
        statement=(
            r"After Algorithm 1 (8,192 sequences, a rate so large that attention goes to one place) put the eleven laws in the order of their worst "
            r"margin on $\ell_1\ne\ell_2\le16$. For both kinds of values and each of five seeds, no law is right on fewer tests than the one before it. "
            f"The ratio does not do this for values that read the previous token. {COMMAND}"
        ),
        evidence="measured",
        source="own",
        knobs={
            "place": Choice(range(len(NAMES) - 1), label="place in the order"),
            "previous": PREVIOUS,
            "seed": SEED,
        },
        predicted=lambda place, previous, seed: right(
            in_order(previous)[place + 1], "one-step", previous, seed
        ),
        measured=lambda place, previous, seed: right(
            in_order(previous)[place], "one-step", previous, seed
        ),
        tolerance=EXACT,
    )
)

register(
    Claim(
        id="ind-trained-order",
        title="Neither ratio nor margin orders what Adam learns",
        statement=(
            r"Lengths 8 or 9 and 7 to 9 have smaller ratios ($R_T=0.53$ and $0.37$) than length 8 mixed with 10 or 20 % of the lengths 1 to 16 ($0.88$ and $0.77$). "
            r"After 600 steps of Adam they do worse, for both kinds of values and each of five seeds. Where values read tokens only, their worst margins "
            f"are larger too. {COMMAND}"
        ),
        evidence="measured",
        source="own",
        knobs={
            "window": Choice(WINDOWS, label="window"),
            "mixed": Choice(MIXED, label="mixture"),
            "previous": PREVIOUS,
            "seed": SEED,
        },
        predicted=lambda window, mixed, previous, seed: right(mixed, "adam", previous, seed),
        measured=lambda window, mixed, previous, seed: right(window, "adam", previous, seed),
        tolerance=EXACT,
    )
)


@lru_cache(maxsize=1)
def _transformers() -> dict[str, Any]:
    return transformer.load()


def told(shortest: int, places: float, last: int, seed: int, results: Any = None) -> float:
    """Return the share of right answers on conflicting lengths of one transformer, trained on `shortest` to `last`.

    `results`: what `transformer.load()` returns (default: the committed ones).

    >>> told(2, 0.1, 3, 0) < told(2, 0.1, 16, 0)
    True
    """
    whole = _transformers() if results is None else results
    shares = transformer.final(shortest, places, results=whole)
    return float(shares[SEEDS.index(seed), WINDOWS_OF[shortest].index(last)])


THREE = Choice(transformer.SEEDS, label="seed")
SHORTEST = Choice(list(WINDOWS_OF), label="shortest length")

register(
    Claim(
        id="ind-transformer-range",
        title="Three layers: longer windows of lengths give induction",
        statement=(
            r"Three-layer transformers ($N=32$, one trigger, separate queries and keys, MLP, AdamW, 600 steps) are trained on the lengths from "
            r"2, 4 or 8 on, with positions that start a tenth as large as tokens. On conflicting lengths, the one that saw lengths up to 16 is "
            r"right at least twice as often as the one that saw two lengths, for each of three seeds. (1,000 tests each, "
            "`python -m softbook.induction.experiment.transformer`.)"
        ),
        evidence="measured",
        source="own",
        knobs={"shortest": SHORTEST, "seed": THREE},
        predicted=lambda shortest, seed: told(shortest, 0.1, 16, seed),
        measured=lambda shortest, seed: 2 * told(shortest, 0.1, shortest + 1, seed),
        tolerance=EXACT,
    )
)

register(
    Claim(
        id="ind-transformer-start",
        title="Three layers: where positions start large, no window gives induction",
        statement=(
            r"The same transformers with positions that start as large as tokens: after 600 steps each is right on at most 10 % of conflicting "
            r"lengths, whatever its lengths were, for each of three seeds. On its own lengths it is right on at least 99 %. (1,000 tests each, "
            "`python -m softbook.induction.experiment.transformer`.)"
        ),
        evidence="measured",
        source="own",
        knobs={"shortest": SHORTEST, "seed": THREE},
        predicted=lambda **_: 0.1,
        measured=lambda shortest, seed: max(
            told(shortest, 1.0, last, seed) for last in WINDOWS_OF[shortest]
        ),
        tolerance=EXACT,
    )
)
