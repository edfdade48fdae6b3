"""The library's payload, read by the oracle; and the oracle's own payload, read by itself."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from softbook.explore import explore
from softbook.explore.payload import from_figure
from softbook.knobs import Linear, Log
from softbook.plotting import chart, curve, heatmap

from ..browser.harness import array_at
from .oracle import decode, handmade

X = np.linspace(-1, 2, 47)


def _frame(beta, shift):
    y = np.exp(-beta * (X - shift) ** 2)
    y[3] = np.nan
    field = np.outer(np.sin(X * beta), np.cos(X))
    traces = [
        curve(X, y, "measured", "y"),
        curve(X, np.full(47, shift), "bound", "flat"),
        heatmap(field, X, X, "z", limits=(-1, 1)),
    ]
    return chart(traces, title="t", x="x", y="y", x_range=(-1, 2), y_range=(0, 1))


def test_the_oracle_reads_what_the_library_writes():
    entry = explore(
        _frame, beta=Log(1, 9, default=3, points=3), shift=Linear(-1, 1, default=0, points=5)
    )
    payload = entry.payload()
    for setting in itertools.product(range(3), range(5)):
        values = {k["name"]: k["values"][i] for k, i in zip(payload["knobs"], setting, strict=True)}
        figure = _frame(**values)
        for which, channel in enumerate(payload["channels"]):
            exact = array_at(figure, channel["path"]).ravel()
            read = np.array(decode(payload, which, setting))
            assert np.array_equal(np.isnan(read), np.isnan(exact))
            assert np.nanmax(np.abs(read - exact)) <= channel["error"]


def test_the_oracle_reads_itself():
    payload, truth = handmade()
    for setting, meant in truth.items():
        np.testing.assert_allclose(decode(payload, 1, setting), meant["first"], rtol=2e-4)
        np.testing.assert_allclose(decode(payload, 3, setting), meant["second"], atol=1e-4)


def test_a_shifted_word_is_seen():
    payload, truth = handmade()
    payload["channels"][3]["offset"] -= 1
    read = decode(payload, 3, (0, 0))
    assert not np.allclose(read, truth[0, 0]["second"], atol=1e-4)


def test_a_plain_figure_has_no_knobs():
    payload = from_figure(_frame(2.0, 0.5))
    assert payload["knobs"] == []
    assert payload["id"].startswith("figure-")
    assert math.isclose(decode(payload, 0, ())[0], -1, abs_tol=1e-4)


def test_a_changing_length_is_refused():
    def grows(n):
        return chart([curve(range(int(n)), range(int(n)), "measured", "y")], title="", x="x", y="y")

    with pytest.raises(ValueError, match=r"has shape \(2,\) at one setting and \(3,\) at another"):
        explore(grows, n=Linear(2, 4, default=2, points=3)).payload()
