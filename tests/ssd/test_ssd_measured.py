"""The measured claims on training: every word of their statements is in the committed data."""

from __future__ import annotations

import copy
import re

import pytest

from softbook.claims import ledger
from softbook.ssd.claims.measured import best_other, best_ssm, end
from softbook.ssd.experiment import study
from softbook.ssd.experiment.setting import SEEDS, STATES, default

STORED = study.load()
CLAIMS = {claim.id: claim for claim in ledger() if claim.id.startswith("ssd-training")}


def swapped(one: str, other: str) -> dict:
    """The committed result with the names of two mixers exchanged."""
    result = copy.deepcopy(STORED)
    names = {one: other, other: one}
    for run in result["results"]:
        mixer = run["setting"]["mixer"]
        run["setting"]["mixer"] = names.get(mixer, mixer)
    return result


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("state", STATES["mqar"])
def test_softmax_answers_more_than_both_ssms(seed, state):
    softmax = end("accuracy", "mqar", "softmax", seed, state)
    assert softmax > best_ssm(seed, state)
    assert CLAIMS["ssd-training-mqar"].check(seed=seed, state=state).holds


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("mixer", ["scalar", "diagonal"])
def test_a_larger_state_answers_more(seed, mixer):
    small, large = (end("accuracy", "mqar", mixer, seed, state) for state in (8, 32))
    assert small < large
    softmax = [end("accuracy", "mqar", "softmax", seed, state) for state in (8, 32)]
    assert softmax[0] - small > softmax[1] - large
    assert CLAIMS["ssd-training-state"].check(seed=seed, mixer=mixer).holds


@pytest.mark.parametrize("seed", SEEDS)
def test_the_scalar_ssm_has_the_least_loss_on_text(seed):
    assert end("held_out", "bytes", "scalar", seed) < best_other(seed)
    assert CLAIMS["ssd-training-bytes"].check(seed=seed).holds


def test_on_text_the_seeds_do_not_agree_on_the_other_two():
    lower = {
        end("held_out", "bytes", "diagonal", seed) < end("held_out", "bytes", "softmax", seed)
        for seed in SEEDS
    }
    assert lower == {True, False}


def test_less_than_half_of_the_text_is_seen():
    setting = default("bytes", "scalar")
    seen = setting.steps * setting.batch * setting.length
    assert 2 * seen < STORED["corpus"]["train_bytes"]


def test_the_numbers_in_the_statements_are_the_settings():
    recall, text = (CLAIMS[f"ssd-training-{task}"].statement for task in ("mqar", "bytes"))
    assert f"{default('mqar', 'scalar').steps} steps" in recall
    assert default("mqar", "scalar").length == 4 * 8  # eight pairs
    sizes = re.search(r"N = ([\d, ]+)", recall)
    assert sizes
    assert sizes[1] == ", ".join(map(str, sorted(STATES["mqar"])))
    setting = default("bytes", "scalar")
    assert f"{setting.steps} steps on windows of {setting.length} bytes" in text
    assert "Seeds 0 to 2" in recall
    assert "Seeds 0 to 2" in text


@pytest.mark.parametrize(("one", "other"), [("scalar", "softmax"), ("diagonal", "softmax")])
def test_planted_fault_exchanged_mixers_break_recall(one, other):
    fault = swapped(one, other)
    for seed in SEEDS:
        for state in STATES["mqar"]:
            right = end("accuracy", "mqar", "softmax", seed, state, fault)
            assert right < best_ssm(seed, state, fault)


@pytest.mark.parametrize("other", ["diagonal", "softmax"])
def test_planted_fault_exchanged_mixers_break_text(other):
    fault = swapped("scalar", other)
    for seed in SEEDS:
        loss = end("held_out", "bytes", "scalar", seed, result=fault)
        assert loss > best_other(seed, fault)
