"""What is special to the claims of chapter 1: which there are, what they run, what breaks them."""

from __future__ import annotations

import doctest
import inspect
import math

import pytest
import torch
import torch.nn.functional as F

import softbook.relu_softmax as package
from softbook.claims import claim_by_id, ledger
from softbook.relu_softmax import KAPPA
from softbook.relu_softmax.claims import heads
from softbook.relu_softmax.model import scores

# Statement of the chapter's source → the claims that carry it.
CARRIED = {
    "T1": ["relu-two-keys", "relu-gap-peak"],
    "T1'": ["relu-unmasked", "relu-unmasked-sharpness"],
    "T2": ["network-translation"],
    "T3": ["network-depth"],
    "T3'": ["network-certificate"],
    "T4": ["ramp-anchors", "ramp-outside", "ramp-two-heads", "ramp-best-sharpness"],
    "T5": ["maximum-of-n"],
    "T6": ["recipe-univariate", "recipe-square", "recipe-product", "recipe-reciprocal"],
    "T7": ["soft-square", "soft-product"],
    "sawtooth": ["sawtooth-square", "sawtooth-product"],
}
PROVED = [c.id for c in ledger() if c.evidence in ("proved", "exact") and c.source == "own"]


def test_each_statement_has_its_claims():
    known = {claim.id: claim for claim in ledger()}
    for ids in CARRIED.values():
        for one in ids:
            assert known[one].source == "own"
            wanted = ("measured",) if one == "ramp-best-sharpness" else ("proved", "exact")
            assert known[one].evidence in wanted


def test_what_a_paper_says_is_quoted_or_measured_never_proved():
    for claim in ledger():
        if claim.source != "own" and ".relu_softmax." in (claim.measured or heads).__name__:
            assert claim.evidence in ("quoted", "measured")
        if claim.evidence == "quoted":
            assert claim.measured is None


@pytest.mark.parametrize("one", PROVED)
def test_measured_values_come_from_real_attention(one, monkeypatch):
    claim = claim_by_id(one)
    if not (claim.measured.__module__ or "").startswith("softbook.relu_softmax"):
        pytest.skip("a claim of another chapter")
    real, calls = F.scaled_dot_product_attention, []

    def counted(*tensors, **more):
        calls.append(more["scale"])
        return real(*tensors, **more)

    monkeypatch.setattr(F, "scaled_dot_product_attention", counted)
    # Not the default setting: what was computed before may be kept.
    settings = next(iter(claim.draw(1, seed=271)))
    assert claim.check(**settings).holds
    assert calls
    assert set(calls) == {1.0}


def red(one: str, draws: int = 200) -> bool:
    """Tell whether draws or an attack of moderate size break a claim."""
    claim = claim_by_id(one)
    if not all(claim.check(**settings).holds for settings in claim.draw(draws, seed=0)):
        return True
    return not claim.attack(draws, seed=0).holds


def test_a_wrong_constant_goes_red(monkeypatch):
    assert not red("relu-two-keys")
    monkeypatch.setattr(heads, "relu_bound", lambda beta: 0.27 / beta)
    assert red("relu-two-keys")


@pytest.mark.parametrize("digit", [1e-6, -1e-6])
def test_a_constant_wrong_in_its_sixth_digit_is_not_met(monkeypatch, digit):
    assert not red("relu-gap-peak")
    monkeypatch.setattr(heads, "KAPPA", KAPPA + digit)
    assert red("relu-gap-peak")


@pytest.mark.parametrize(
    "one", ["relu-two-keys", "relu-gap-peak", "network-translation", "recipe-square", "soft-square"]
)
def test_a_null_value_of_one_goes_red(monkeypatch, one):
    real = scores.attend

    def faulty(query, key, value):
        value = value.clone()
        value[..., 1, :] = 1.0
        return real(query, key, value)

    monkeypatch.setattr(scores, "attend", faulty)
    assert red(one, draws=60)


@pytest.mark.parametrize("one", ["relu-two-keys", "relu-gap-peak", "sawtooth-square"])
def test_a_dropped_null_key_goes_red(monkeypatch, one):
    real = scores.attend
    monkeypatch.setattr(
        scores, "attend", lambda query, key, value: real(query, key[..., :1, :], value[..., :1, :])
    )
    assert red(one, draws=60)


def test_the_peak_is_enclosed_by_interval_arithmetic():
    low, high = claim_by_id("relu-two-keys").enclosure()
    assert low <= 1 <= high
    assert high - low < 1e-5


def test_the_domain_of_two_keys_reaches_its_peak():
    """The attack alone, without being told where, comes within a millionth of the bound."""
    found = claim_by_id("relu-two-keys").attack(400, seed=0)
    assert found.holds
    assert found.ratio > 1 - 1e-6


@pytest.mark.parametrize("name", package.__all__)
def test_every_public_name_is_explained_by_an_example(name):
    entry = getattr(package, name)
    if isinstance(entry, float):
        assert math.isclose(entry, KAPPA)
        return
    assert entry.__doc__
    assert entry.__module__.startswith("softbook.relu_softmax.")
    examples = doctest.DocTestParser().get_examples(inspect.getdoc(entry) or "")
    assert examples, f"{name} has no example"
    assert name in "".join(example.source for example in examples) or inspect.isclass(entry)


def test_all_names_are_listed_once_and_in_order():
    assert len(set(package.__all__)) == len(package.__all__)
    missing = [name for name in package.__all__ if not hasattr(package, name)]
    assert missing == []
    assert torch.is_tensor(package.relu_head(torch.ones(1), 1.0))
