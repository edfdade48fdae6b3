"""The explorables on digits: they draw the committed figures, at every setting, and say the same."""

from __future__ import annotations

import re

import numpy as np
import plotly.graph_objects as go
import pytest

from softbook.diffusion.experiment import study
from softbook.diffusion.experiment.parts import picture
from softbook.diffusion.figures.training import ALONE, DRAWN, PIXELS, QUADRANTS, sheet
from softbook.explore import explore

IDS = ("diff-digits-samples", "diff-digits-training", "diff-digits-budget")

COUPLED = "coupled runs that differ: cost of steps"


def trace(figure: go.Figure, name: str) -> np.ndarray:
    found = [one for one in figure.data if one.name == name and one.mode != "markers"]
    return np.array(found[-1].y, dtype=float)


@pytest.mark.parametrize("id", IDS)
def test_every_setting_is_a_valid_figure_within_its_axes(id):
    entry = explore(id)
    for settings in entry.grid():
        figure, summary = entry(**settings)
        go.Figure(figure.to_dict())
        assert "nan" not in summary
        for one in figure.data:
            if one.type == "scatter" and one.y is not None and one.yaxis != "y2":
                low, high = figure.layout.yaxis.range
                y = np.array(one.y, dtype=float)
                y = np.log10(y[~np.isnan(y)]) if figure.layout.yaxis.type == "log" else y
                assert ((low <= y) & (y <= high)).all()


def test_a_sheet_holds_every_picture_once():
    words = [f"{k:016x}" for k in range(1, 25)]
    whole = sheet(words)
    for place, word in enumerate(words):
        top, left = 9 * (place // 12), 9 * (place % 12)
        assert np.array_equal(whole[top : top + 8, left : left + 8], picture(word))
    assert np.isnan(whole).sum() == 17 * 107 - 24 * 64


@pytest.mark.parametrize("seed", study.SEEDS)
def test_samples_show_the_choice(seed):
    one = study.load("pixels")[seed]
    for drawn in DRAWN:
        place = -1 if drawn == ALONE else one["steps"].index(int(drawn))
        figure, summary = explore("diff-digits-samples")(
            drawn=drawn, shown="nearest digit", seed=seed
        )
        assert np.array_equal(figure.data[-1].z, sheet(one["pictures"][place]), equal_nan=True)
        assert f"{one['nearest'][place][0]:.2f} of 64" in summary
        marked = figure.layout.shapes[0].x0
        column = figure.data[3].x.tolist().index(marked)
        assert figure.data[3].y[column] == one["nearest"][place][0]


@pytest.mark.parametrize("seed", study.SEEDS)
def test_training_shows_the_pictures_of_the_step(seed):
    one = study.load("pixels")[seed]
    for place, step in enumerate(one["curves"]["step"]):
        figure, summary = explore("diff-digits-training")(step=step, seed=seed)
        assert np.array_equal(figure.data[-1].z, sheet(one["frames"][place]), equal_nan=True)
        assert f"{one['curves']['held_out'][place]:.3f} nats" in summary
        assert trace(figure, "held out").tolist() == one["curves"]["held_out"]


def test_budgets_add_up_and_cover_what_is_measured():
    for seed in study.SEEDS:
        for form, stored in ((QUADRANTS, "quadrants"), (PIXELS, "pixels")):
            figure, _ = explore("diff-digits-budget")(form=form, seed=seed)
            many = len(study.load(stored)[seed]["steps"])
            score, steps, both = (
                trace(figure, name)[:many]
                for name in ("model (score), 95 %", "steps (birthday bound)", "budget: both")
            )
            assert both == pytest.approx(score + steps)
            groups = trace(figure, "both, group form")[:many]
            named = [one.name for one in figure.data if one.showlegend is not False]
            assert ("both, group form" in named) == (form == QUADRANTS)
            measured = trace(figure, "exact error" if form == QUADRANTS else COUPLED)[:many]
            if form == QUADRANTS:
                assert (measured <= groups).all()
                assert (groups <= both + 1e-12).all()
            else:
                assert np.isnan(groups).all()
            # Of the pixels only the steps' part is measured: the bound on it must cover.
            assert (measured <= (both if form == QUADRANTS else steps) + 1e-5).all()


def test_the_pixels_budget_says_that_it_promises_nothing_and_why():
    for seed in study.SEEDS:
        _, said = explore("diff-digits-budget")(form=PIXELS, seed=seed)
        one = study.load("pixels")[seed]
        assert "promises nothing" in said
        assert min(low for _, low, _ in one["score"][1:]) > 1
        distance = re.search(r"about (0\.\d+)", said)
        assert distance
        assert float(distance[1]) == pytest.approx(1 - one["copied"][-1][0], abs=5e-4)
