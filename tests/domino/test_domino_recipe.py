"""The settings of a fine-tuning: what is not allowed is said in a sentence, and what it costs in another."""

from __future__ import annotations

import json
import math

import pytest

from softbook.domino.model.recipe import Recipe, recipe_of


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"method": "dpo"}, "method: 'dpo' is given, but one of reinforce, ppo, grpo"),
        ({"regulariser": "l2"}, "regulariser: 'l2' is given"),
        ({"batch": 1}, "batch: 1 is given, but at least 2"),
        ({"rate": 0.0}, "rate: 0.0 is given, but a finite number above 0"),
        ({"rate": math.nan}, "rate: nan is given"),
        ({"strength": math.inf}, "strength: inf is given"),
        ({"strength": -1.0}, "strength: -1.0 is given"),
        ({"clip": math.nan}, "clip: nan is given"),
        ({"epochs": 2, "method": "reinforce"}, "epochs: 2 is given, but reinforce"),
        ({"groups": 3}, "groups: 3 is given, but groups of 2 or more"),
        ({"groups": 64}, "groups: 64 is given, but groups of 2 or more"),
        ({"prior": "noise"}, "prior: 'noise' is given"),
        ({"steps_per_update": 0}, "steps_per_update: 0 is given"),
    ],
)
def test_settings_that_are_not_allowed(given, sentence):
    with pytest.raises(ValueError, match=sentence):
        recipe_of(sites=3, tokens=2, **given)


def test_what_is_kept_is_json_that_comes_back_the_same():
    for clip in (0.2, math.inf):
        kept = recipe_of(sites=3, tokens=2, clip=clip).kept()
        assert json.loads(json.dumps(kept, allow_nan=False)) == kept


def test_the_cost_counts_every_pass():
    def passes(**given: object) -> tuple[int, int]:
        recipe = recipe_of(sites=3, tokens=2, **given)
        assert isinstance(recipe, Recipe)
        return recipe.forward, recipe.backward

    assert passes(method="reinforce") == (16 + 6, 6)
    assert passes(method="reinforce", strength=0.1) == (16 + 6 + 6, 6)
    assert passes(epochs=2, steps_per_update=4) == (16 + 8 + 8, 8)
    assert passes(epochs=9, steps_per_update=99, steps=2) == (2 + 18 + 2, 18)
