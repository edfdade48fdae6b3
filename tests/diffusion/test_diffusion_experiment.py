"""The study of digits: repeatable, resumed to the same numbers, committed with what repeats it."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from softbook.diffusion.experiment import parts, study, training
from softbook.diffusion.experiment.digits import coarse, pixels
from softbook.diffusion.experiment.parts import PIXELS, QUADRANTS, table
from softbook.diffusion.experiment.training import Denoiser, Setting, nats, train
from softbook.diffusion.model.samplers import continuous_law, masked_sampler_law
from softbook.diffusion.theory import parallel_unmasking_bound
from softbook.provenance import read_result

SMALL = {"steps": 4, "width": 8, "batch": 16, "logs": 2}
COPY = torch.tensor([[0, 0], [1, 1]]).repeat(200, 1)


class Kill(Exception):
    """What a test stops a study with."""


@pytest.fixture
def quick(monkeypatch):
    """The study with few steps K, and few samples."""
    monkeypatch.setattr(parts, "STEPS", {"pixels": (1, 4), "quadrants": (1, 4)})
    few = {
        form: (setting, lambda s, tick, m=measure: m(s, tick=tick, samples=60))
        for form, (setting, measure) in study.FORMS.items()
    }
    monkeypatch.setattr(study, "FORMS", few)


def numbers(result):
    return [{k: v for k, v in one.items() if k != "seconds"} for one in result["results"]]


def test_a_killed_study_goes_on_to_the_same_numbers(quick, tmp_path, monkeypatch):
    more = {"seeds": (0, 1), "change": SMALL, "progress": False}
    whole = study.run(tmp_path / "a.json", folder=tmp_path / "a", **more)
    calls: list[tuple[str, int]] = []

    def watched(form, measure):
        def one(setting, tick):
            calls.append((form, setting.seed))
            return measure(setting, killed if len(calls) == 3 else tick)

        return one

    def killed():
        raise Kill

    for form, (setting, measure) in list(study.FORMS.items()):
        study.FORMS[form] = (setting, watched(form, measure))
    out, folder = tmp_path / "b.json", tmp_path / "b"
    with pytest.raises(Kill):
        study.run(out, folder=folder, **more)
    assert not out.exists()
    assert len(list(folder.iterdir())) == 2
    again = study.run(out, folder=folder, **more)
    third = ("pixels", 1)
    assert calls == [("pixels", 0), ("quadrants", 0), third, third, ("quadrants", 1)]
    assert numbers(again) == numbers(whole)
    assert list(folder.iterdir()) == []
    assert read_result(out) == again
    assert again["provenance"]["seeds"] == [0, 1]
    assert numbers(whole)[0]["pairs"] != numbers(whole)[2]["pairs"]


def test_no_seed_and_other_forms_are_refused(tmp_path):
    with pytest.raises(ValueError, match="seeds: none is given"):
        study.run(tmp_path / "x.json", seeds=())
    with pytest.raises(ValueError, match="form: 'bytes' is given, but one of pixels, quadrants"):
        study.load("bytes")
    for given, words in (
        ({"steps": 0}, "steps: 0 is given"),
        ({"seed": -1}, "seed: -1 is given"),
        ({"rate": 0.0}, "rate: 0.0 is given"),
        ({"rate": math.nan}, "rate: nan is given"),
        ({"logs": 0}, "logs: 0 is given"),
    ):
        with pytest.raises(ValueError, match=words):
            Setting(**given)
    with pytest.raises(ValueError, match="rounds: 3 is given, but a divisor of 2 sites"):
        nats(Denoiser(2, 2, 4), COPY, rounds=3)


def test_the_command_says_what_it_costs_and_what_it_found(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(study, "run", lambda out, folder: study.load())
    study.main(["--out", str(tmp_path / "x.json")])
    said = capsys.readouterr().out
    assert "6 networks" in said
    assert f"at most {study.MINUTES} minutes of one core" in said
    assert "quadrants, seed 2: " in said


def by_hand(model, row) -> float:
    """The mean over all orders of writing a row of three sites: −log of its probability."""
    orders = list(itertools.permutations(range(3)))
    total = 0.0
    for order in orders:
        seen = torch.full((1, 3), 2)
        for site in order:
            with torch.no_grad():
                total -= float(model(seen).log_softmax(-1)[0, site, row[0, site]]) / len(orders)
            seen[0, site] = row[0, site]
    return total


def off(rounds: int | None) -> float:
    """How many standard deviations the loss of 20,000 rows is from what it estimates."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = Denoiser(3, 2, 8)
    row = torch.tensor([[1, 0, 1]])
    with torch.no_grad():
        for value in model.parameters():
            value *= 3
    values = 3 * nats(model, row.repeat(20000, 1), rounds=rounds).double()
    return abs(float(values.mean()) - by_hand(model, row)) / (float(values.std()) / 20000**0.5)


@pytest.mark.parametrize("rounds", [None, 1])
def test_the_loss_is_the_log_likelihood_of_all_orders(rounds):
    assert off(rounds) < 4.9  # once in 10^6


def test_planted_faults_in_the_loss_are_seen(monkeypatch):
    def faulty(share):
        def loss(model, rows, counts, generator):
            noisy = training._masked(rows, model.tokens, counts, generator)
            each = F.cross_entropy(model(noisy).mT, rows, reduction="none")
            return share(each, noisy == model.tokens, counts)

        return loss

    faults = (
        lambda each, masked, counts: each.mean(1),  # shown sites count too
        lambda each, masked, counts: (each * masked).sum(1) / each.shape[1],  # of all sites
    )
    for fault in faults:
        monkeypatch.setattr(training, "_loss", faulty(fault))
        assert off(None) > 4.9


def test_a_copy_is_learned_to_its_entropy():
    # One coin in two sites.
    _, curves = train(COPY, 2, Setting(steps=300, batch=64, width=16, logs=1))
    assert curves["train"][-1] == pytest.approx(math.log(2) / 2, abs=0.02)


def test_a_nan_in_the_weights_reaches_the_logits():
    model = Denoiser(3, 2, 4)
    with torch.no_grad():
        model.layers[0].weight[:] = math.nan
    assert model(torch.full((1, 3), 2)).isnan().all()


STORED = study.load()


def test_the_committed_settings_are_the_codes():
    chosen = [
        (form, replace(setting, seed=seed))
        for seed in study.SEEDS
        for form, (setting, _) in study.FORMS.items()
    ]
    assert [(one["form"], Setting(**one["setting"])) for one in STORED["results"]] == chosen
    record = STORED["provenance"]
    assert record["seeds"] == list(study.SEEDS)
    assert record["settings"]["command"] == "python -m softbook.diffusion.experiment"
    assert record["seconds"] == pytest.approx(sum(r["seconds"] for r in STORED["results"]), abs=0.1)
    assert record["seconds"] / 60 < study.MINUTES
    made, kept = study.reference(), STORED["reference"]
    assert made["rows"] == kept["rows"]
    for name in ("pairs", "nearest"):
        assert kept[name] == pytest.approx(list(made[name]), rel=1e-5)


@pytest.mark.parametrize("form", list(study.FORMS))
def test_the_committed_figures_are_whole(form):
    for one in study.load(form):
        kinds = parts.STEPS[form]
        assert one["steps"] == list(kinds)
        assert one["curves"]["step"] == list(Setting(**one["setting"]).logged)
        lengths = {"score": 0, "birthday": 0, "pairs_bound": 0}
        if form == "pixels":
            lengths |= {"differ": 0, "changed": 0, "pictures": 1, "pairs": 1, "nearest": 1}
            lengths |= {"copied": 1}
            assert (
                len(one["frames"]) == len(one["curves"]["step"]) == len(one["curves"]["held_out"])
            )
            assert {len(frame) for frame in one["frames"]} == {parts.FRAMES}
        else:
            lengths |= {"total": 0, "parallel": 0, "exact": 0}
        for name, more in lengths.items():
            assert len(one[name]) == len(kinds) + more, name
        for name in ("score", "differ", "changed", "pairs", "nearest", "copied"):
            values = np.array(one.get(name, [[0, 0, 0]]))
            assert (values[:, 1] <= values[:, 0]).all()
            assert (values[:, 0] <= values[:, 2]).all()
        for place, steps in enumerate(kinds):
            sites = 64 if form == "pixels" else 4
            bound = parallel_unmasking_bound(sites, steps, form="birthday")
            assert one["birthday"][place] == pytest.approx(bound, rel=1e-5)


def test_the_exact_laws_of_the_quadrants_are_made_again():
    """Those that need no training; those that do keep the theorems' inequalities."""
    law = table(coarse(), 3)
    for one in study.load("quadrants"):
        for place, steps in enumerate(one["steps"][:6]):
            exact = np.abs(masked_sampler_law(law, steps) - law).sum() / 2
            assert one["exact"][place] == pytest.approx(exact, rel=1e-5)
        score = np.array(one["score"])
        assert (np.array(one["parallel"]) <= one["birthday"]).all()
        assert (np.array(one["total"]) <= score[:, 2] + one["birthday"]).all()
        assert one["alone"] <= min(one["pinsker"], score[-1, 2])
    assert np.abs(continuous_law(law) - law).sum() < 1e-12


@pytest.mark.parametrize("form", list(study.FORMS))
def test_the_committed_curves_begin_as_they_do_here(form):
    """The first logged stretch of one seed. Another machine rounds otherwise: a hundredth is left for it."""

    def stop(step, model):
        if step:
            raise Kill

    stored = study.load(form)[0]
    seen: list = []
    rows, tokens = (pixels()[0], 2) if form == "pixels" else (coarse(), 3)
    setting = PIXELS if form == "pixels" else QUADRANTS
    with pytest.raises(Kill):
        train(
            rows,
            tokens,
            setting,
            look=lambda s, m: (
                seen.append(float(nats(m, rows[:400], rounds=8 if tokens == 2 else 4).mean()))
                or stop(s, m)
            ),
        )
    assert seen[0] == pytest.approx(stored["curves"]["train"][0], rel=1e-5)
    assert seen[1] == pytest.approx(stored["curves"]["train"][1], rel=1e-2)
    assert seen[0] != pytest.approx(study.load(form)[1]["curves"]["train"][0], rel=1e-5)
