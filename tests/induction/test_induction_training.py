"""Training of many models at once: against one model by automatic differentiation, alone and stacked."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from softbook.induction.model.gradient import loss_and_gradients
from softbook.induction.model.network import outputs_of
from softbook.induction.model.task import sample_sequences, stack
from softbook.induction.model.training import CHUNK, train

LENGTHS = np.arange(1, 5)
LAWS = np.array([[0, 0, 1, 0], [0.25] * 4, [0.4, 0, 0, 0.6]])
QUICK = {"steps": 20, "rate": 0.05, "batch": 8, "vocabulary": 6, "dtype": torch.float64}
DOUBLE = {"rtol": 0, "atol": 1e-12}


def dense(tokens, end, longest, vocabulary):
    """X of one sequence, features by places, from the definition."""
    x = torch.zeros(longest + 2 * vocabulary, end, dtype=torch.float64)
    for place in range(end):
        x[place, place] = 1
        x[longest + tokens[place], place] = 1
        if place:
            x[longest + vocabulary + tokens[place - 1], place] = 1
    return x


def plain_loss(value, attention, drawn):
    """f = W_V X softmax(X' W_KQ x_T), cross-entropy; a loop over sequences."""
    total = 0.0
    for tokens, end, output in zip(drawn.tokens, drawn.ends, drawn.output, strict=True):
        x = dense(tokens, int(end), len(tokens), value.shape[0])
        logits = value @ x @ (x.T @ attention @ x[:, -1]).softmax(0)
        total = total - logits.log_softmax(0)[output]
    return total / len(drawn.output)


def gradients_gap(found, value, attention, drawn):
    """The greatest difference of loss and gradients from those of automatic differentiation."""
    gaps = []
    for model, sequences in enumerate(drawn):
        weights = [w[model].clone().requires_grad_() for w in (value, attention)]
        loss = plain_loss(*weights, sequences)
        wanted = [loss.detach(), *torch.autograd.grad(loss, weights)]
        gaps += [(one[model] - two).abs().max() for one, two in zip(found, wanted, strict=True)]
    return float(max(gaps))


@pytest.mark.parametrize("triggers", [1, 3])
def test_loss_and_gradients_are_those_of_automatic_differentiation(triggers):
    source = torch.Generator().manual_seed(0)
    value = torch.randn(3, 7, 26, dtype=torch.float64, generator=source)
    attention = torch.randn(3, 26, 26, dtype=torch.float64, generator=source)
    drawn = [
        sample_sequences(law, LENGTHS, 12, vocabulary=7, triggers=triggers, longest=12, seed=seed)
        for seed, law in enumerate(LAWS)
    ]
    found = loss_and_gradients(value, attention, stack(drawn))
    assert gradients_gap(found, value, attention, drawn) < 1e-14
    # Planted faults: sequences of another model, and a gradient on the other side.
    assert gradients_gap(found, value, attention, drawn[::-1]) > 1e-2
    wrong = (*found[:2], found[2].mT)
    assert gradients_gap(wrong, value, attention, drawn) > 1e-2


def by_hand(law, optimiser, steps, previous, seed=0):
    """One model by torch.optim and automatic differentiation, on the sequences that its seed means."""
    value = torch.zeros(6, 23, dtype=torch.float64, requires_grad=True)
    attention = torch.zeros(23, 23, dtype=torch.float64, requires_grad=True)
    kind = {"adam": torch.optim.Adam, "sgd": torch.optim.SGD}[optimiser]
    update = kind([value, attention], lr=QUICK["rate"])
    source = torch.Generator().manual_seed(seed)
    for step in range(steps):
        if step % CHUNK == 0:
            chunk = sample_sequences(
                law, LENGTHS, 8 * CHUNK, vocabulary=6, triggers=1, longest=11, seed=source
            )
        now = slice(8 * (step % CHUNK), 8 * (step % CHUNK) + 8)
        part = type(chunk)(*(field[now] for field in vars(chunk).values()))
        update.zero_grad()
        plain_loss(value, attention, part).backward()
        if not previous:
            value.grad[:, 17:] = 0
        update.step()
    return value.detach(), attention.detach()


@pytest.mark.parametrize("optimiser", ["adam", "sgd"])
@pytest.mark.parametrize("previous", [True, False])
def test_training_is_that_of_one_plain_model(optimiser, previous):
    found = train(LAWS, LENGTHS, optimiser=optimiser, previous=previous, seeds=(4, 0), **QUICK)
    value, attention = by_hand(LAWS[2], optimiser, 20, previous)
    # Adam divides tiny gradients by their own size, so that rounding of 1e-17 counts for more there.
    near = 1e-14 if optimiser == "sgd" else 1e-7
    torch.testing.assert_close(found.value[2, 1], value, rtol=0, atol=near)
    torch.testing.assert_close(found.attention[2, 1], attention, rtol=0, atol=near)
    assert value.abs().max() > 100 * near
    assert found.value[..., 17:].any() == previous
    other = by_hand(LAWS[2], optimiser, 20, previous, seed=1)
    assert (found.value[2, 1] - other[0]).abs().max() > 100 * near


@pytest.mark.parametrize("optimiser", ["adam", "sgd"])
def test_a_model_is_the_same_stacked_or_alone(optimiser):
    together = train(LAWS, LENGTHS, optimiser=optimiser, seeds=(0, 3), **QUICK)
    alone = train(LAWS[1], LENGTHS, optimiser=optimiser, seeds=(3,), **QUICK)
    torch.testing.assert_close(together.value[1, 1], alone.value[0, 0], **DOUBLE)
    torch.testing.assert_close(together.attention[1, 1], alone.attention[0, 0], **DOUBLE)
    for name in ("loss", "correct", "on_output", "on_middle"):
        one, two = getattr(together.curves, name), getattr(alone.curves, name)
        torch.testing.assert_close(one[:, 1, 1], two[:, 0, 0], **DOUBLE)
    assert (together.value[1, 0] - together.value[1, 1]).abs().max() > 1e-3


def test_more_steps_begin_alike_and_curves_say_where_they_were_taken():
    short = train(LAWS, LENGTHS, every=7, **QUICK)
    longer = train(LAWS, LENGTHS, every=10, **(QUICK | {"steps": 30}))
    assert short.curves.step.tolist() == [0, 7, 14, 20]
    assert longer.curves.step.tolist() == [0, 10, 20, 30]
    torch.testing.assert_close(short.curves.loss[3], longer.curves.loss[2], rtol=0, atol=0)
    assert short.curves.loss[0].sub(math.log(6)).abs().max() < 1e-12


def test_curves_are_what_the_models_do():
    found = train(LAWS, LENGTHS, steps=300, rate=0.02, vocabulary=6, seeds=(1,))
    wide = [0, 0, 0, 1]
    for setting, law in enumerate(LAWS):
        shared = {"vocabulary": 6, "triggers": 1, "longest": 11, "seed": 77}
        within = sample_sequences(law, LENGTHS, 4000, **shared)
        beyond = sample_sequences(wide, LENGTHS, 4000, family="pairs", **shared)
        weights = found.value[setting, 0], found.attention[setting, 0]
        loss = torch.nn.functional.cross_entropy(outputs_of(*weights, within), within.output)
        right = (outputs_of(*weights, beyond).argmax(-1) == beyond.output).double().mean()
        # Two samples of a share differ by 4.9 of their deviations once in 10^6.
        assert abs(found.curves.correct[-1, setting, 0] - right) < 4.9 * (0.25 / 800) ** 0.5
        assert found.curves.loss[-1, setting, 0] == pytest.approx(float(loss), rel=0.2)
    end = found.curves
    assert (end.loss[-1] < 0.2).all()
    # A length alone is a shortcut; all lengths are not.
    assert end.correct[-1, 1, 0] > 0.99 > 0.9 > end.correct[-1, 0, 0]
    assert end.on_output[-1, 1, 0] > end.on_output[-1, 0, 0]
    assert end.on_middle[-1, 0, 0] > 5 * end.on_middle[-1, 1, 0]
    # Of ℓ1 ≠ ℓ2 up to 4 none has the middle 1 or 4.
    assert end.on_middle[-1, 2, 0].isnan()


def test_attention_on_the_middle_is_taken_where_a_shortcut_is_trained():
    found = train([[0, 0.5, 0.5, 0], [0, 0, 1.0, 0]], LENGTHS, steps=1, rate=0.0, vocabulary=6)
    # Weights stay zero, so that each place gets 1/T; ℓ1 + ℓ2 is 3, 4, 5, 6 or 7 in 2, 2, 4, 2 or 2 of 12 pairs.
    assert found.curves.on_middle[-1, 0].item() == pytest.approx((1 / 7 + 1 / 9) / 2, abs=3e-3)
    assert found.curves.on_middle[-1, 1].item() == pytest.approx(1 / 9, abs=1e-6)
    every = (2 / 6 + 2 / 7 + 4 / 8 + 2 / 9 + 2 / 10) / 12
    assert found.curves.on_output[-1, 1].item() == pytest.approx(every, abs=3e-3)
    none = train([0, 1.0], [1, 2], steps=1, rate=0.0, vocabulary=6).curves
    assert none.on_middle.isnan().all()
    assert none.on_output.isfinite().all()


def test_a_nan_reaches_the_curves():
    found = train([0, 1.0], [1, 2], steps=2, rate=math.inf, optimiser="sgd", vocabulary=6)
    for name in ("loss", "correct", "on_output", "on_middle"):
        assert getattr(found.curves, name)[-1].isnan().all(), name


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"steps": 0}, "steps: 0 is given, but at least 1"),
        ({"batch": 0}, "batch: 0 is given, but at least 1"),
        ({"rate": -1.0}, "rate: -1.0 is given, but at least 0"),
        ({"rate": math.nan}, "rate: nan is given, but at least 0"),
        ({"every": 0}, "every: 0 is given, but at least 1"),
        ({"optimiser": "lbfgs"}, "optimiser: 'lbfgs' is given, but one of adam, sgd"),
        ({"seeds": ()}, "seeds: none is given"),
        ({"seeds": (-1,)}, "seed: -1 is given, but at least 0"),
        ({"vocabulary": 2}, "vocabulary: 2 is given, but at least 3"),
        ({"longest": 10}, "longest: 10 is given, but at least 11"),
    ],
)
def test_what_cannot_be_trained_is_refused(change, words):
    with pytest.raises(ValueError, match=words):
        train(LAWS, LENGTHS, **(QUICK | change))
    with pytest.raises(ValueError, match="only 1 has mass"):
        train([1.0], [1], **QUICK)
