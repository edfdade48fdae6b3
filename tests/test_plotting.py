"""Plotting: roles and not colours, axes in data units, figures that plotly itself accepts."""

from __future__ import annotations

import math
import re

import numpy as np
import plotly.graph_objects as go
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from softbook.plotting import (
    DIVERGING,
    GRID,
    ROLES,
    band,
    chart,
    curve,
    heatmap,
    note,
    number,
    palette,
    points,
    rule,
)

NUMBERS = st.floats(-1e6, 1e6) | st.just(math.nan)
SIDE = np.linspace(0, 1, 4)


def luminance(colour: str) -> float:
    """Relative luminance of a hex colour (WCAG 2.2)."""
    channels = [int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("name", ROLES)
def test_roles_are_seen_on_both_papers(name):
    assert contrast(ROLES[name].light, "#ffffff") >= 4.5
    assert contrast(ROLES[name].dark, "#14181e") >= 4.5


def test_no_role_is_told_by_colour_alone():
    assert len({role.marker for role in ROLES.values()}) == len(ROLES)
    looks = {(role.dash, role.width) for role in ROLES.values()}
    assert len(looks) == len(ROLES)


def test_the_palette_names_every_colour_that_a_chart_uses():
    heat = heatmap(np.zeros((4, 4)), SIDE, SIDE, "unit", limits=(0, 1))
    traces = [heat, *(part for role in ROLES for part in band(SIDE, SIDE, SIDE, role, role))]
    traces += [points(SIDE, SIDE, role, role) for role in ROLES]
    figure = chart(
        traces,
        title="t",
        x="x",
        y="y",
        notes=[note(0, 0, "a", role) for role in ROLES],
        rules=[rule(role, x=1.0) for role in ROLES],
    )
    tree = figure.to_plotly_json()
    tree["layout"].pop("template", None)
    used = set(re.findall(r"#[0-9a-f]{6}|rgba\([^)]*\)", str(tree))) - {"#f2f2f2"}
    assert used - {"rgba(0,0,0,0)"} == set(palette())
    assert GRID[0] in palette()
    assert all(light != dark for light, dark in palette().items())


@given(
    arrays.arrays(np.float64, st.integers(0, 9), elements=NUMBERS),
    st.sampled_from(sorted(ROLES)),
)
def test_curves_keep_their_numbers_and_take_the_look_of_their_role(y, role):
    x = np.arange(len(y))
    line, marks = curve(x, y, role, "a"), points(x, y, role, "a")
    np.testing.assert_array_equal(line["y"], y)
    np.testing.assert_array_equal(marks["x"], x)
    assert (line["line"]["color"], line["line"]["dash"]) == (ROLES[role].light, ROLES[role].dash)
    assert marks["marker"] == {"color": ROLES[role].light, "symbol": ROLES[role].marker, "size": 8}


def test_tensors_are_drawn():
    trace = curve(torch.arange(3), torch.ones(3, requires_grad=True), "measured", "a")
    assert trace["x"].tolist() == [0.0, 1.0, 2.0]
    assert trace["y"].dtype == np.float64


def test_a_caller_can_add_attributes():
    assert curve([0], [0], "measured", "a", showlegend=False)["showlegend"] is False


def test_a_band_fills_from_its_lower_to_its_upper_side():
    lower, upper = band([0, 1], [0, 0], [1, 2], "bound", "promised")
    assert "fill" not in lower
    assert (upper["fill"], upper["y"].tolist()) == ("tonexty", [1.0, 2.0])
    assert [t.get("showlegend", True) for t in (lower, upper)] == [False, True]


def test_heat_maps_keep_their_limits():
    trace = heatmap([[1, 2]], [0, 1], [0], "error", limits=(-3, 3), diverging=True)
    assert (trace["zmin"], trace["zmax"], trace["zmid"]) == (-3, 3, 0)
    assert trace["colorscale"] is DIVERGING
    assert trace["colorbar"]["title"]["text"] == "error"


def test_ranges_are_written_in_data_units():
    figure = chart(
        [], title="t", x="x", y="y", x_type="log", x_range=(1, 1000), y_range=(0.5, -0.5)
    )
    assert figure.layout.xaxis.range == (0.0, 3.0)
    assert figure.layout.yaxis.range == (0.5, -0.5)


def test_a_long_log_axis_has_few_ticks():
    axis = chart([], title="t", x="x", y="y", x_type="log", x_range=(1e-14, 1e7)).layout.xaxis
    assert axis.dtick == 3
    # Nine decades already: a narrow page would turn ten labels on their side.
    axis = chart([], title="t", x="x", y="y", x_type="log", x_range=(1e-7, 100)).layout.xaxis
    assert axis.dtick == 2


@pytest.mark.parametrize(
    ("value", "digits", "said"),
    [
        (0, 3, "0"),
        (-1e-9, 3, "−10⁻⁹"),
        (-2.5e7, 2, "−2.5·10⁷"),
        (9.96e-5, 2, "0.0001"),
        (9.96e-6, 2, "10⁻⁵"),
        (31622.8, 5, "31623"),
        (math.inf, 3, "inf"),
    ],
)
def test_numbers_are_written_for_readers(value, digits, said):
    assert number(value, digits) == said


def test_a_chart_passes_the_validation_that_it_skips():
    figure = chart(
        [curve(SIDE, SIDE, "measured", "a"), *band(SIDE, SIDE, SIDE, "bound", "b")],
        title="t",
        x="x",
        y="y",
        y_type="log",
        y_range=(1e-3, 1),
        notes=[note(0, 0, "a")],
        rules=[rule("bound", y=1), rule("bound", x=1)],
    )
    go.Figure(figure.to_plotly_json())


def test_the_validation_would_see_a_wrong_attribute():
    figure = chart([curve(SIDE, SIDE, "measured", "a", dashes=3)], title="t", x="x", y="y")
    with pytest.raises(ValueError, match="dashes"):
        go.Figure(figure.to_plotly_json())


@pytest.mark.usefixtures("as_reader")
@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: curve([0], [0], "red", "a"), "role: 'red' is given, but one of measured, bound"),
        (lambda: curve([0, 1], [0], "bound", "a"), "x, y: shapes (2,), (1,) are given, but arrays"),
        (lambda: points([[0]], [[0]], "bound", "a"), "x, y: shapes (1, 1), (1, 1) are given"),
        (lambda: band([0], [0, 1], [0], "bound", "a"), "x, low, high: shapes (1,), (2,), (1,) are"),
        (
            lambda: heatmap([[0, 1]], [0], [0, 1], "u", limits=(0, 1)),
            "z, x, y: shapes (1, 2), (1,), (2,) are given, but (rows, columns), (columns,)",
        ),
        (
            lambda: heatmap([[0]], [0], [0], "u", limits=(1, 1)),
            "limits: (1, 1) is given, but low < high is needed",
        ),
        (lambda: rule("bound"), "x, y: exactly one of them is needed"),
        (lambda: rule("bound", x=0, y=0), "x, y: exactly one of them is needed"),
        (
            lambda: chart([], title="t", x="x", y="y", x_range=(0, math.nan)),
            "range: (0, nan) is given, but two finite numbers are needed",
        ),
        (
            lambda: chart([], title="t", x="x", y="y", y_type="log", y_range=(0, 1)),
            "range: (0, 1) is given, but a log axis needs numbers above 0",
        ),
    ],
)
def test_what_cannot_be_drawn_is_said_in_a_sentence(make, sentence):
    with pytest.raises(ValueError, match=re.escape(sentence)):
        make()
