"""Claims that are measured: what the committed fine-tunings on DNA show, seed by seed."""

from __future__ import annotations

from softbook.claims import Claim, Tolerance, register
from softbook.domino.experiment.study import SEEDS, STRENGTHS, curves
from softbook.knobs import Choice

EXACT = Tolerance("none: stored numbers of one run are compared")
COMMAND = "(80 letters, 200 to 250 iterations, `python -m softbook.domino.experiment.study`, a quarter of an hour on two cores.)"
SEED = Choice(SEEDS, label="seed")
HALF, NOTHING, TENTH, KEPT, GOOD = 0.5, 0.0, 0.1, 0.65, 0.5
PRICED = max(STRENGTHS)

register(
    Claim(
        id="dom-collapse-weak",
        title="Without a price the weak sampler narrows",
        statement=(
            r"Steered with $\lambda=0$ from the weak reference, in each of three seeds two samples come to differ in less than half of their sites along the way; "
            f"at the start it is three quarters. All samples stay distinct. {COMMAND}"
        ),
        evidence="measured",
        source="own",
        knobs={"seed": SEED},
        predicted=lambda **_: HALF,
        measured=lambda seed: min(curves("weak", 0.0, seed)["hamming"]),
        tolerance=EXACT,
    )
)

register(
    Claim(
        id="dom-fooled-weak",
        title="The truth ends below zero, while both judges say it has risen",
        statement=(
            r"At the end of the same runs the true activity is below zero, where it began above; the judge that steers and the one that was held out "
            f"have both risen, in each of three seeds. {COMMAND}"
        ),
        evidence="measured",
        source="own",
        knobs={"seed": SEED, "what": Choice(["truth", "judge", "second judge"], label="compared")},
        predicted=lambda seed, what: {
            "truth": NOTHING,
            "judge": curves("weak", 0.0, seed)["final"]["reward"],
            "second judge": curves("weak", 0.0, seed)["final"]["held_out"],
        }[what],
        measured=lambda seed, what: {
            "truth": curves("weak", 0.0, seed)["final"]["truth"],
            "judge": curves("weak", 0.0, seed)["reward"][0],
            "second judge": curves("weak", 0.0, seed)["held_out"][0],
        }[what],
        tolerance=EXACT,
    )
)

register(
    Claim(
        id="dom-price-weak",
        title="A price prevents it",
        statement=(
            rf"With $\lambda={PRICED:g}$ the same reference ends, in each of three seeds, with a true activity above a tenth, and two samples differ in more than 65 % of "
            f"their sites at every look. {COMMAND}"
        ),
        evidence="measured",
        source="own",
        knobs={"seed": SEED, "what": Choice(["truth", "variety"], label="compared")},
        predicted=lambda seed, what: (
            curves("weak", PRICED, seed)["final"]["truth"]
            if what == "truth"
            else min(curves("weak", PRICED, seed)["hamming"])
        ),
        measured=lambda seed, what: TENTH if what == "truth" else KEPT,
        tolerance=EXACT,
    )
)

register(
    Claim(
        id="dom-strong-holds",
        title="The strong sampler needs no price",
        statement=(
            "Steered from the strong reference, at every price, zero included, the true activity ends above one half in each of three seeds, and two samples "
            f"differ in more than 65 % of their sites. {COMMAND}"
        ),
        evidence="measured",
        source="own",
        knobs={
            "seed": SEED,
            "strength": Choice(STRENGTHS, label="price λ"),
            "what": Choice(["truth", "variety"], label="compared"),
        },
        predicted=lambda seed, strength, what: curves("strong", strength, seed)["final"][
            "truth" if what == "truth" else "hamming"
        ],
        measured=lambda seed, strength, what: GOOD if what == "truth" else KEPT,
        tolerance=EXACT,
    )
)
