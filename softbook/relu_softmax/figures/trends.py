"""Explorables on trained attention layers: error against keys, heads and range, and training curves."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import plotly.graph_objects as go

from softbook.explore import explorable
from softbook.knobs import Choice
from softbook.plotting import chart, curve, number, points, rule
from softbook.relu_softmax.experiment import uap
from softbook.relu_softmax.experiment.trends import loglog_slope

TITLES = {"keys": "keys p", "heads": "heads H", "range": "range b − a"}
LIMITS = {"keys": (56, 128), "heads": (0.9, 18), "range": (9, 56)}
LONGEST = 7
EPOCHS = (1, 2, 3, 4, 5, 10, 15, 20, 25, 30, 35, 40, 45, 50)


@lru_cache(maxsize=1)
def stored() -> dict[str, Any]:
    """Return the committed result of `softbook.relu_softmax.experiment.uap`."""
    return uap.load()


def trend_of(quantity: str) -> dict[str, Any]:
    """Return one trend of the committed result: keys, heads or range."""
    return next(trend for trend in stored()["trends"] if trend["quantity"] == quantity)


def _kind(quantity: str) -> str:
    """Return which built ramp a trend is compared with: that of several heads, or that of anchors."""
    return "heads" if quantity == "heads" else "anchors"


def _built(quantity: str) -> list[float]:
    """Return the built ramp's mean square error at each setting of a trend, the median of 11 seeds."""
    rows = (stored()["results"][row] for row in trend_of(quantity)["results"])
    return [float(np.median(row["built"][_kind(quantity)])) for row in rows]


def _padded(values: list[float]) -> np.ndarray:
    return np.pad(np.array(values, dtype=float), (0, LONGEST - len(values)), constant_values=np.nan)


@explorable(
    "uap-trends",
    title="Error falls with keys and heads, grows with the range",
    quantity=Choice(list(TITLES), label="what is varied"),
)
def uap_trends(quantity: str) -> tuple[go.Figure, str]:
    """Show the ramp's mean square error of 11 trained layers a setting beside the built ramp."""
    trend = trend_of(quantity)
    rows = [stored()["results"][row] for row in trend["results"]]
    x = _padded(trend["x"])
    seeds = len(rows[0]["ramp_mse"])
    every = np.stack([_padded([row["ramp_mse"][k] for row in rows]) for k in range(seeds)])
    built = _padded(_built(quantity))
    figure = chart(
        [
            curve(
                x,
                _padded([float(np.median(r["baseline"])) for r in rows]),
                "reference",
                "no input used",
            ),
            points(
                np.tile(x, seeds), every.ravel(), "measured", "trained, one seed", marker=_dot()
            ),
            curve(x, np.median(every, axis=0), "measured", "trained, median of 11"),
            curve(x, built, "prediction", "built by hand, c = 2.72"),
        ],
        title="Error falls with keys and heads, grows with the range",
        x=TITLES[quantity],
        y="mean square error of the ramp",
        x_type="log",
        y_type="log",
        x_range=LIMITS[quantity],
        y_range=(1e-6, 300),
    )
    # A narrow page has room for five labels.
    step = 1 if len(trend["x"]) <= 5 else 2
    names = [f"{value:g}" if k % step == 0 else "" for k, value in enumerate(trend["x"])]
    figure.update_xaxes(tickmode="array", tickvals=trend["x"], ticktext=names)
    slope = trend["ramp_mse"]
    said, low, high = (number(slope[name]) for name in ("exponent", "low", "high"))
    return figure, (
        f"Trained, the mean square error moves with the {TITLES[quantity]} like a power of exponent {said}; its "
        f"95 % interval over 11 seeds is {low} to {high}."
    )


def _dot() -> dict[str, Any]:
    return {"color": "#0b5cad", "symbol": "circle", "size": 5, "opacity": 0.75}


@explorable(
    "uap-training",
    title="Nine tenths of the test error are gone after ten epochs",
    setting=Choice(["60 keys", "120 keys", "16 heads"], label="setting"),
    epoch=Choice(EPOCHS, 50, label="epoch"),
)
def uap_training(setting: str, epoch: int) -> tuple[go.Figure, str]:
    """Show the median training and test error of 11 seeds, with a marker at the chosen epoch."""
    quantity, place = {"60 keys": ("keys", 0), "120 keys": ("keys", -1), "16 heads": ("heads", -1)}[
        setting
    ]
    run = stored()["results"][trend_of(quantity)["results"][place]]
    epochs, at = run["curve"]["epoch"], run["curve"]["epoch"].index(epoch)
    test = run["curve"]["test"]
    figure = chart(
        [
            curve(epochs, run["curve"]["train"], "reference", "training error"),
            curve(epochs, test, "measured", "test error"),
            points([epoch], [test[at]], "measured", "at this epoch"),
        ],
        title="Nine tenths of the test error are gone after ten epochs",
        x="epoch",
        y="mean square error, all 32 outputs",
        y_type="log",
        x_range=(0, 51),
        y_range=(2e-3, 5),
        rules=[rule("reference", x=epoch)],
    )
    return (
        figure,
        f"{setting}: after epoch {epoch} the median test error of 11 seeds is {number(test[at])}.",
    )


def uap_table() -> list[dict[str, Any]]:
    """Return a table of exponents of the mean square error: trained, with its interval, and built."""
    rows = []
    for quantity, title in TITLES.items():
        trend = trend_of(quantity)
        slope = trend["ramp_mse"]
        built = loglog_slope(np.array(trend["x"], dtype=float), np.array([_built(quantity)]))
        rows.append(
            {
                "mean square against": title,
                "trained exponent": slope["exponent"],
                "low": slope["low"],
                "high": slope["high"],
                "built exponent": built.value,
            }
        )
    return rows
