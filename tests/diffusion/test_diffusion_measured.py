"""The measured claims on digits: every word of their statements is in the committed data."""

from __future__ import annotations

import copy

import pytest

from softbook.claims import ledger
from softbook.diffusion.claims.measured import DOUBLED, HIGH, LOW, promised, stored
from softbook.diffusion.experiment import study
from softbook.diffusion.experiment.parts import SAMPLES, STEPS
from softbook.diffusion.theory import parallel_unmasking_bound

WHOLE = study.load()
CLAIMS = {claim.id: claim for claim in ledger() if claim.id.startswith("diff-digits")}


@pytest.mark.parametrize("seed", study.SEEDS)
def test_doubling_the_steps_helps_until_the_intervals_touch(seed):
    for steps in DOUBLED:
        before = stored("nearest", "pixels", seed, steps, LOW)
        assert stored("nearest", "pixels", seed, 2 * steps, HIGH) < before
        assert CLAIMS["diff-digits-steps"].check(seed=seed, steps=steps).holds
    for steps in (32, 64, 128):
        before = stored("nearest", "pixels", seed, steps, LOW)
        assert stored("nearest", "pixels", seed, 2 * steps, HIGH) > before


@pytest.mark.parametrize("seed", study.SEEDS)
def test_held_out_digits_are_nearer_than_any_samples(seed):
    held_out = WHOLE["reference"]["nearest"][HIGH]
    assert held_out < min(low for _, low, _ in study.load("pixels")[seed]["nearest"])


@pytest.mark.parametrize("seed", study.SEEDS)
def test_coupled_runs_and_budgets_hold_at_every_k(seed):
    for claim, form in (("diff-digits-coupled", "pixels"), ("diff-digits-budget", "quadrants")):
        for steps in STEPS[form]:
            assert CLAIMS[claim].check(seed=seed, steps=steps).holds


def test_the_numbers_in_the_statements_are_the_data():
    steps = CLAIMS["diff-digits-steps"].statement
    assert f"on {WHOLE['reference']['rows'][0]:,} digits" in steps
    assert f"$K={','.join(map(str, DOUBLED))}$" in steps
    assert f"From {2 * DOUBLED[-1]} steps on" in steps
    for claim in ("diff-digits-steps", "diff-digits-coupled"):
        assert f"{SAMPLES:,}" in CLAIMS[claim].statement
    assert "three minutes" in steps
    assert 2.5 < WHOLE["provenance"]["seconds"] / 60 < 3.5
    assert f"{STEPS['pixels'][-1]}$" in CLAIMS["diff-digits-coupled"].statement
    assert f"{STEPS['quadrants'][-1]}$" in CLAIMS["diff-digits-budget"].statement
    assert study.SEEDS == (0, 1, 2)
    assert parallel_unmasking_bound(64, 63, form="birthday") == 1
    assert parallel_unmasking_bound(64, 128, form="birthday") < 1


@pytest.mark.parametrize("seed", study.SEEDS)
def test_planted_fault_results_in_the_wrong_order_break_the_claim(seed):
    fault = copy.deepcopy(study.load("pixels"))
    for one in fault:
        one["nearest"].reverse()
    for steps in DOUBLED:
        after = stored("nearest", "pixels", seed, 2 * steps, HIGH, fault)
        assert after > stored("nearest", "pixels", seed, steps, LOW, fault)


@pytest.mark.parametrize("seed", study.SEEDS)
def test_planted_fault_a_budget_without_one_of_its_parts_is_broken(seed):
    kinds = STEPS["quadrants"]
    total = {k: stored("total", "quadrants", seed, k) for k in kinds}
    model = {k: stored("score", "quadrants", seed, k, HIGH) for k in kinds}
    steps = {k: stored("birthday", "quadrants", seed, k) for k in kinds}
    assert any(total[k] > model[k] for k in kinds)
    assert any(total[k] > steps[k] for k in kinds)
    assert promised(seed, 1) == model[1] + steps[1]


def test_what_was_not_measured_is_refused():
    with pytest.raises(ValueError, match="3 is not in list"):
        stored("nearest", "pixels", 0, 3)
