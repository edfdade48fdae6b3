"""Claims that are measured: numbers of committed or quick experiments, with their intervals."""

from __future__ import annotations

from softbook.claims import Claim, Tolerance, register
from softbook.knobs import Choice
from softbook.relu_softmax.experiment import uap


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
            "With 11 seeds at the settings that are known, the test error of a trained layer falls with the number of "
            "keys and of heads and grows with the range: the 95 % bootstrap intervals of the fitted exponents exclude "
            r"zero. The exponents are **not** $-1$: training does not find the built ramp's rate."
        ),
        evidence="measured",
        source="own, after hu2025universal; 11 seeds 1234–1244, 15 minutes on one core, `python -m "
        "softbook.relu_softmax.experiment.uap`",
        knobs={"quantity": Choice(["keys", "heads", "range"], label="what is varied")},
        predicted=lambda quantity: 0.0,
        measured=_worst_end,
        tolerance=Tolerance("none: an end of a stored interval is compared with zero"),
    )
)
