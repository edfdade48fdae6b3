"""Claims that are measured: numbers of committed or quick experiments, with their intervals."""

from __future__ import annotations

from softbook.claims import Claim, Tolerance, register
from softbook.knobs import Choice
from softbook.relu_softmax.experiment import digits, uap


def _exponent(quantity: str) -> dict[str, float]:
    trends = {trend["quantity"]: trend for trend in uap.load()["trends"]}
    slope: dict[str, float] = trends[quantity]["ramp_mse"]
    return slope


def _worst_end(quantity: str) -> float:
    """Return the end of the exponent's interval nearest to the wrong sign, as a number to be negative."""
    slope = _exponent(quantity)
    return -slope["low"] if quantity == "range" else slope["high"]


register(
    Claim(
        id="uap-trends",
        title="The trends of trained heads",
        statement=(
            "With 11 seeds at the settings that are known, the mean square test error of a trained layer falls with the number of "
            "keys and of heads and grows with the range: the 95 % bootstrap intervals of the fitted exponents exclude "
            r"zero. The exponents for keys and heads are **not** $-1$, nor $-2$, that of the built ramp, whose mean square falls like "
            r"$1/p^2$ and $1/H^2$. (Seeds 1234 to 1244, a quarter of an hour on one core, "
            "`python -m softbook.relu_softmax.experiment.uap`.)"
        ),
        evidence="measured",
        source="hu2025universal, its experiment on truncated linear functions, repeated",
        knobs={"quantity": Choice(["keys", "heads", "range"], label="what is varied")},
        predicted=lambda quantity: 0.0,
        measured=_worst_end,
        tolerance=Tolerance("none: an end of a stored interval is compared with zero"),
    )
)


def _false_proofs(beta: float) -> float:
    """Return how many test digits are proved to agree and do not."""
    decided = digits.at_sharpness(beta)[1]
    return float((decided.proved & ~decided.same).sum())


register(
    Claim(
        id="digits-agreement",
        title="No proved digit disagrees",
        statement=(
            "Of the 450 test digits, none whose margin exceeds the certificates of its class and of every rival gets "
            "another decision from the compiled network, at any of 25 sharpnesses from 1 to $10^6$. (Seed 0, a few seconds.)"
        ),
        evidence="measured",
        source="own",
        knobs={"beta": Choice(digits.BETAS, 100.0, label="sharpness β")},
        predicted=lambda beta: 0.0,
        measured=_false_proofs,
        relation="==",
        tolerance=Tolerance("none: digits are counted"),
        depends=["network-certificate"],
    )
)
