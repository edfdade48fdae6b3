"""Explorables on the digits: training curves, agreement against β, and margins beside certificates."""

from __future__ import annotations

from typing import Any

import numpy as np
import plotly.graph_objects as go

from softbook.explore import explorable
from softbook.knobs import Choice, Integer
from softbook.plotting import chart, curve, note, number, points, rule
from softbook.relu_softmax.experiment.digits import (
    BETAS,
    at_sharpness,
    certified_agreement,
    train_digits,
)

# Trained in float64: sums in another order move the curves by less than this share of their range.
TRAINED = 1e-3
SHOWN = [beta for beta in BETAS if beta in (1, 10, 100, 1000, 1e4, 1e5, 1e6)]


@explorable(
    "digits-training",
    title="The test loss levels off after ten epochs",
    tolerance=TRAINED,
    epoch=Integer(0, 40, 40, label="epoch"),
)
def digits_training(epoch: int) -> tuple[go.Figure, str]:
    """Show training and test loss with a marker at the chosen epoch."""
    run = train_digits()
    epochs = np.arange(len(run.test_loss))
    figure = chart(
        [
            curve(epochs, run.train_loss, "reference", "training loss"),
            curve(epochs, run.test_loss, "measured", "test loss"),
            points([epoch], [run.test_loss[epoch]], "measured", "at this epoch"),
        ],
        title="The test loss levels off after ten epochs",
        x="epoch",
        y="cross-entropy, nats",
        y_type="log",
        x_range=(-1, 41),
        y_range=(5e-4, 5),
        rules=[rule("reference", x=epoch)],
    )
    share = 100 * run.test_accuracy[epoch]
    return (
        figure,
        f"After epoch {epoch} the network gets {share:.1f} % of the 450 test digits right.",
    )


@explorable(
    "digits-agreement",
    title="What agrees, and what is proved to agree",
    tolerance=TRAINED,
    beta=Choice(BETAS, 10.0, label="sharpness β"),
)
def digits_agreement(beta: float) -> tuple[go.Figure, str]:
    """Show the shares of test digits that agree and that are proved to agree, against β."""
    shares = certified_agreement()
    at = BETAS.index(beta)
    globally = 100 * shares["proved_globally"]
    everywhere = curve(shares["beta"], globally, "bound", "proved, global certificate")
    everywhere["line"]["dash"] = "longdash"
    half = np.log10(shares["beta"][np.argmax(globally > 50)])
    figure = chart(
        [
            curve(shares["beta"], 100 * shares["agree"], "measured", "decides the same"),
            curve(shares["beta"], 100 * shares["proved"], "bound", "proved, digit by digit"),
            everywhere,
            points([beta], [100 * shares["proved"][at]], "bound", "at this β"),
        ],
        title="What agrees, and what is proved to agree",
        x="sharpness β",
        y="share of 450 test digits, %",
        x_type="log",
        x_range=(0.9, 1.1e6),
        y_range=(-3, 104),
        notes=[note(half + 0.1, 45, "global", "bound")],
    )
    return figure, (
        f"At β = {number(beta)}, {100 * shares['agree'][at]:.1f} % of the test digits get the same decision and "
        f"{100 * shares['proved'][at]:.1f} % provably so; the global certificate proves "
        f"{100 * shares['proved_globally'][at]:.1f} %."
    )


@explorable(
    "digits-margins",
    title="Above the line the decision is proved",
    tolerance=TRAINED,
    beta=Choice(SHOWN, 10.0, label="sharpness β"),
)
def digits_margins(beta: float) -> tuple[go.Figure, str]:
    """Show, for each test digit, the margin beside the margin that a proof needs."""
    decided = at_sharpness(beta)[1]
    needed, margin = decided.needed.numpy(), decided.margin.numpy()
    line = np.array([1e-7, 100.0])
    proved = decided.proved.numpy()
    figure = chart(
        [
            curve(line, line, "bound", "margin = what a proof needs"),
            points(
                np.where(proved, needed, np.nan),
                margin,
                "measured",
                "proved",
                marker=_dot("#0b5cad"),
            ),
            points(
                np.where(proved, np.nan, needed),
                margin,
                "reference",
                "not proved",
                marker=_dot("#4a4f57", "x"),
            ),
        ],
        title="Above the line the decision is proved",
        x="certificates of winner and rival",
        y="margin of the ReLU network",
        x_type="log",
        y_type="log",
        x_range=(1e-7, 100),
        y_range=(0.02, 60),
    )
    return (
        figure,
        f"At β = {number(beta)}, {int(proved.sum())} of 450 test digits lie above the line.",
    )


def _dot(colour: str, symbol: str = "circle") -> dict[str, Any]:
    return {"color": colour, "symbol": symbol, "size": 5, "opacity": 0.7}


def agreement_table() -> list[dict[str, Any]]:
    """Return a table at powers of ten: shares in per cent, largest error and median certificate."""
    shares = certified_agreement()
    rows = []
    for beta in SHOWN:
        at = BETAS.index(beta)
        rows.append(
            {
                "β": int(beta),
                "agree %": 100 * shares["agree"][at],
                "proved %": 100 * shares["proved"][at],
                "proved globally %": 100 * shares["proved_globally"][at],
            }
        )
    return rows


def first_sharpness() -> dict[str, float]:
    """Return the least β of the grid from which on all test digits agree, and are proved to."""
    shares = certified_agreement()

    def from_which_on(name: str) -> float:
        return BETAS[int(np.max(np.nonzero(shares[name] < 1)[0], initial=-1)) + 1]

    return {
        "all_agree": from_which_on("agree"),
        "all_proved": from_which_on("proved"),
        "all_proved_globally": from_which_on("proved_globally"),
    }
