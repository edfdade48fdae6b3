"""Plain text: every JSON value comes back as it was, and nothing else is let in."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from softbook.sweep import plain

LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
VALUES = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner) | st.dictionaries(st.text().filter(lambda n: n != "~float"), inner)
    ),
    max_leaves=12,
)


def same(one, other):
    """Equal with types, where NaN is NaN and -0.0 is not 0.0."""
    if type(one) is not type(other):
        return False
    if isinstance(one, float):
        return repr(one) == repr(other)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[name], other[name]) for name in one)
    return one == other


@given(VALUES)
def test_a_value_comes_back_and_its_text_is_strict_json(thing):
    text = plain.text(thing)
    assert same(plain.value(text), thing)
    assert plain.text(plain.value(text)) == text
    json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))


def test_planted_difference_is_seen():
    assert not same([0.0], [-0.0])
    assert not same({"a": 1}, {"a": 1.0})
    assert same([math.nan], [math.nan])


@given(st.dictionaries(st.text().filter(lambda n: n != "~float"), st.integers(), min_size=2))
def test_the_order_of_names_is_no_matter(thing):
    assert plain.text(dict(reversed(thing.items()))) == plain.text(thing)


def test_numbers_of_another_kind_are_other_settings():
    texts = [plain.text(thing) for thing in (1, 1.0, True, "1", [1], None)]
    assert len(set(texts)) == len(texts)


def test_arrays_tensors_and_their_scalars_are_lists_and_numbers():
    given = {
        "array": np.arange(3),
        "scalar": np.float32(0.1),
        "truth": np.bool_(True),
        "tensor": torch.tensor([[0.5, math.inf]]),
        "pair": (1, 2),
    }
    assert plain.value(plain.text(given)) == {
        "array": [0, 1, 2],
        "scalar": float(np.float32(0.1)),
        "truth": True,
        "tensor": [[0.5, math.inf]],
        "pair": [1, 2],
    }


@pytest.mark.parametrize(
    ("thing", "sentence"),
    [
        ({"a": [1, {2}]}, r"value\['a'\]\[1\]: set is given"),
        (1j, "value: complex is given"),
        ({"a": np.complex64(1)}, r"value\['a'\]: complex is given"),
        ({3: 1}, "the name 3 is given"),
        ({"~float": 1}, "it marks NaN"),
    ],
)
def test_what_is_no_json_is_refused_and_named(thing, sentence):
    with pytest.raises(TypeError, match=sentence):
        plain.text(thing)
