"""Claims for the small book."""

from softbook.claims import Claim, Hypothesis
from softbook.knobs import Linear, Log


def ledger():
    base = Claim(
        id="mini-double",
        title="Twice is less than thrice",
        statement="For $x \\ge 0$ it holds that $$2x \\le 3x.$$",
        evidence="proved",
        source="own",
        knobs={"x": Linear(0, 1, default=0.5, label="x")},
        relation="<=",
        predicted=lambda x: 3 * x,
        measured=lambda x: 2 * x,
        hypotheses=[Hypothesis("$x \\ge 0$", lambda x: x >= 0, violation={"x": -1.0})],
    )
    next_ = Claim(
        id="mini-square",
        title="A square with $x^2$",
        statement="$x^2 \\le x$ on $[0, 1]$, by {claim}`mini-double`.",
        evidence="exact",
        source="moore2009, ch. 5",
        knobs={"x": Log(0.1, 1, default=0.5, label="side x", unit="m")},
        predicted=lambda x: x,
        measured=lambda x: x * x,
        depends=["mini-double"],
        hypotheses=[Hypothesis("$x$ is not a cube", lambda x: True)],
    )
    said = Claim(
        id="mini-said",
        title="Somebody said so",
        statement="It is *so*.",
        evidence="quoted",
        source="moore2009, preface",
    )
    seen = Claim(
        id="mini-seen",
        title="A measured thing that has quite a long title indeed, longer than two lines",
        statement="Seen.",
        evidence="measured",
        source="own",
        predicted=lambda: 1.0,
        measured=lambda: 1.0,
        relation="==",
        depends=["mini-square", "mini-double"],
    )
    return base, next_, said, seen
