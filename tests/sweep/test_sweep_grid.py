"""Grids: products and lists of settings in order, and the sentences for what is none."""

from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from softbook.knobs import Choice, Integer
from softbook.sweep import axes, plan
from softbook.sweep.grid import check_call, distinct_seeds

NAMES = st.text("abcdefgh", min_size=1, max_size=3).filter(lambda name: name != "seed")
AXIS = st.lists(
    st.integers(-5, 5) | st.sampled_from([0.5, math.inf, "a", None, True]),
    min_size=1,
    max_size=4,
    unique_by=repr,
)


def anything(seed, **settings):
    return settings


@given(
    st.dictionaries(NAMES, AXIS, max_size=3), st.lists(st.integers(0, 99), min_size=1, unique=True)
)
def test_a_product_is_complete_in_order_and_every_run_has_its_own_key(grid, seeds):
    settings, shape = axes(grid)
    assert [tuple(one.values()) for one in settings] == list(itertools.product(*grid.values()))
    assert shape == tuple(map(len, grid.values()))
    planned = plan(anything, grid, seeds=seeds, cache=None)
    assert planned.shape == (*shape, len(seeds))
    assert len({task.key for task in planned.tasks}) == len(settings) * len(seeds)
    # The settings written out, in any order, are the same runs.
    written = plan(anything, settings[::-1], seeds=seeds[::-1], cache=None)
    assert {task.key for task in written.tasks} == {task.key for task in planned.tasks}


def test_a_knob_is_an_axis():
    settings, shape = axes({"n": Integer(2, 6, step=2), "kind": Choice(["sgd", "adam"])})
    assert shape == (3, 2)
    assert settings[:2] == [{"n": 2, "kind": "sgd"}, {"n": 2, "kind": "adam"}]


def test_settings_may_have_different_names():
    assert axes([{"n": 1}, {"m": 2}]) == ([{"n": 1}, {"m": 2}], (2,))
    assert axes({}) == ([{}], ())


@pytest.mark.parametrize(
    ("grid", "kind", "sentence"),
    [
        ([], ValueError, "no setting is given"),
        ({"n": []}, ValueError, "no value is given for 'n'"),
        ({"n": "adam"}, TypeError, "str is given for 'n', but a sequence"),
        ({"n": 3}, TypeError, "int is given for 'n', but a sequence"),
        ({"n": [1, 2, 1]}, ValueError, "is given twice"),
        ([{"n": (1, 2)}, {"n": [1, 2]}], ValueError, "is given twice"),
        ([{"n": math.nan}, {"n": math.nan}], ValueError, "is given twice"),
        ({"seed": [1]}, ValueError, "seeds have their own argument"),
        ([1, 2], TypeError, "int is given among the settings"),
        ({"n": [{1, 2}]}, TypeError, r"grid\['n'\]: set is given"),
    ],
)
@pytest.mark.usefixtures("as_reader")
def test_what_is_no_grid_is_refused(grid, kind, sentence):
    with pytest.raises(kind, match=sentence):
        axes(grid)


@pytest.mark.parametrize(
    ("seeds", "kind", "sentence"),
    [
        ([], ValueError, "none is given"),
        ([1, 1], ValueError, "may be there once"),
        ([-1], ValueError, "-1 is given"),
        ([0.5], TypeError, "float is given"),
    ],
)
@pytest.mark.usefixtures("as_reader")
def test_what_are_no_seeds_is_refused(seeds, kind, sentence):
    with pytest.raises(kind, match=sentence):
        distinct_seeds(seeds)


def test_a_function_that_cannot_take_the_settings_is_refused_before_anything_runs():
    def narrow(seed, n):
        raise AssertionError("it ran")

    check_call(narrow, [{"n": 1}])
    with pytest.raises(TypeError, match=r"narrow cannot be called with seed, n, m: .*'m'"):
        plan(narrow, [{"n": 1}, {"n": 1, "m": 2}], seeds=[0])
    with pytest.raises(TypeError, match=r"cannot be called with seed, n: .*'seed'"):
        plan(lambda n: n, {"n": [1]}, seeds=[0])
