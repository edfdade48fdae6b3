"""The chapter's figures: what their titles say is true at every setting, and sentences name what is drawn."""

from __future__ import annotations

import itertools
import re

import numpy as np
import pytest

from softbook.domino.experiment.study import SEEDS, STRENGTHS, curves
from softbook.domino.figures import bound, chain, clip, estimate, frontier, hack, study
from softbook.explore import explorables
from softbook.explore.parts import array_of

REFERENCES = ("weak", "strong")


def settings(id: str):
    knobs = explorables()[id].knobs
    for values in itertools.product(*(knob.grid() for knob in knobs.values())):
        yield dict(zip(knobs, values, strict=True))


def numbers(text: str) -> list[float]:
    return [float(found) for found in re.findall(r"[-−]?\d+(?:\.\d+)?", text.replace("−", "-"))]


@pytest.mark.parametrize("way", [bound.TO_REWARD, bound.AT_RANDOM])
@pytest.mark.parametrize("sites", [2, 3, 4])
def test_the_law_moves_less_than_each_bound(way, sites):
    exact, *bounds = bound.measured(sites, way).transpose(1, 0, 2)
    assert all((exact < one).all() for one in bounds)
    # A planted fault: half of a bound is none.
    assert any((exact > one / 2).any() for one in bounds)


def test_no_promise_above_one_is_said_of_those_above_one():
    for one in itertools.islice(settings("dom-bound"), 0, None, 7):
        _, text = bound.dom_bound.function(**one)
        values = [float(part.split(" = ")[1]) for part in text.split("; ")[1].split(", ")]
        empty = [name for name, value in zip(bound.NAMES, values, strict=True) if value >= 1]
        assert (f"no promise above 1: {', '.join(empty)}." in text) == bool(empty)


def test_without_a_clip_the_objective_grows_far_more_than_the_return():
    grown = {}
    for name, noise, runs in itertools.product(clip.CLIPS, (0.0, 2.0), (8, 32)):
        value, objective, _ = clip.trained(name, noise, runs).transpose(1, 0, 2)
        grown[name, noise, runs] = np.mean(objective[:, -1]), np.mean(value[:, -1] - value[:, 0])
        _, text = clip.dom_clip.function(clip=name, noise=noise, runs=runs)
        assert text.startswith("No clip" if name == "none" else f"Clip {name}")
        assert "-0.00" not in text
    free = [both for (name, *_), both in grown.items() if name == "none"]
    assert all(objective > 5 * gain for objective, gain in free)
    # With a clip this is not so everywhere.
    assert any(objective < 5 * gain for objective, gain in grown.values())


def test_the_estimate_s_error_falls_like_one_over_the_root():
    for baseline, added in itertools.product(estimate.BASELINES, (0.0, 10.0)):
        scaled = [estimate.deviation(n, baseline, added) * n**0.5 for n in estimate.RUNS]
        assert scaled == sorted(scaled, reverse=True) or np.ptp(scaled) < 1e-9
        assert scaled[0] < 1.1 * scaled[-1]


def test_with_several_steps_policies_earn_nearly_the_most():
    gaps = {}
    for steps in frontier.STEPS:
        base, laws = frontier.reference(steps), frontier.tuned(steps)[0]
        for row, kind in enumerate(frontier.REWARDS):
            marks = frontier.reward_table(kind, frontier.SITES).ravel()
            far, most = frontier.frontier(base, marks)
            moved = np.abs(laws[:, row] - base).sum(-1) / 2
            gaps[steps, kind] = (np.interp(moved, far, most) - laws[:, row] @ marks).max()
    assert max(gap for (steps, _), gap in gaps.items() if steps > 1) < 0.08
    # With one step an odd number of ones is a trap.
    assert max(gap for (steps, _), gap in gaps.items() if steps == 1) > 0.2


def test_in_the_mean_a_judge_says_too_much_of_repeats():
    for one in settings("dom-hack"):
        _, text = hack.dom_hack.function(**one)
        said, true = numbers(text)[-2:]
        assert said > true + 0.7, one


def test_both_judges_promise_more_than_is_true():
    for name, strength in itertools.product(REFERENCES, STRENGTHS):
        true, *told = (
            study.along(name, strength, what) for what in ("truth", "reward", "held_out")
        )
        assert all((one > true).all() for one in told)


def test_without_a_price_the_weak_sampler_is_ruined_and_the_strong_one_is_not():
    ends = {name: study.along(name, 0.0, "truth")[:, [0, -1]] for name in REFERENCES}
    assert (ends["weak"][:, 1] < 0).all()
    assert (ends["strong"][:, 1] > ends["strong"][:, 0] + 0.4).all()
    for one in settings("dom-collapse"):
        figure, text = study.dom_collapse.function(**one)
        name = study.SHOWN[one["measure"]]
        for reference in REFERENCES:
            found = study.along(reference, one["strength"], name)
            said = ", ".join(f"{end:.2f}" for end in found[:, -1])
            assert f"the {reference} sampler goes from {found[0, 0]:.2f} to {said} in" in text
        assert len(figure.data) == 2 * len(SEEDS)


def test_the_weak_sampler_s_likelihood_rises_while_truth_and_variety_fall():
    likely, true, apart = (
        study.along("weak", 0.0, name).mean(0) for name in ("likelihood", "truth", "hamming")
    )
    most = int(likely.argmax())
    assert 0 < most < len(likely) - 1
    assert likely[most] > likely[0] + 10
    assert true[most] < true[0] - 0.5
    assert apart[most] < apart[0] - 0.2
    _, text = study.dom_likelihood.function(strength=0.0, reference="weak")
    assert f"greatest, after {study.iterations('weak')[most]:.0f} iterations" in text


def test_the_weak_sampler_narrows_to_two_letters():
    counts = curves("weak", 0.0, 0)["counts"]
    shares = {
        int(at): np.array(tall, dtype=float).sum(0) / np.sum(tall) for at, tall in counts.items()
    }
    # G and C are the second and the third letter.
    both = {at: share[1:3].sum() for at, share in shares.items()}
    assert both[0] < 0.5
    assert min(share for at, share in both.items() if at > 0) > 0.75


def test_the_mark_below_the_letters_stands_at_the_sites_that_open():
    for one in itertools.islice(settings("dom-chain"), 0, None, 3):
        figure, _ = chain.dom_chain.function(**one)
        run = chain.played(one["policy"], one["seed"])
        here, there = (run.states[min(one["step"] + more, chain.STEPS)] for more in (0, 1))
        marked = np.isfinite(array_of(figure.data[1]["y"]))
        assert marked.tolist() == (here != there).tolist()
