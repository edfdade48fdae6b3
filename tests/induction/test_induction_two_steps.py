"""Algorithm 1 against automatic differentiation, alone and stacked, and its test against the predictor."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from softbook.induction import (
    accuracy,
    attention_of,
    outputs_of,
    predicted_accuracy,
    sample_sequences,
    train_two_steps,
)
from softbook.induction.model.task import Sequences, stack
from softbook.induction.model.two_steps import attention_gradient, value_gradient

LENGTHS = np.arange(3, 9)
LAWS = np.array([[1, 0, 0, 0, 0, 0], [0.25, 0.25, 0.25, 0.25, 0, 0], [1 / 6] * 6], dtype=np.float64)


def dense(sequences: Sequences, vocabulary: int) -> list[torch.Tensor]:
    """Return X of each sequence, features by places."""
    found = []
    for tokens, end in zip(sequences.tokens, sequences.ends, strict=True):
        x = torch.zeros(len(tokens) + 2 * vocabulary, int(end), dtype=torch.float64)
        for place in range(int(end)):
            x[place, place] = 1
            x[len(tokens) + tokens[place], place] = 1
            if place:
                x[len(tokens) + vocabulary + tokens[place - 1], place] = 1
        found.append(x)
    return found


def plain_loss(value, attention, sequences):
    """The definition: f = W_V X softmax(X' W_KQ x_T), cross-entropy, a loop over sequences."""
    logits = torch.stack(
        [
            value @ x @ (x.T @ attention @ x[:, -1]).softmax(0)
            for x in dense(sequences, value.shape[0])
        ]
    )
    return torch.nn.functional.cross_entropy(logits, sequences.output), logits


@pytest.fixture
def drawn() -> Sequences:
    return sample_sequences([0.5, 0.5], [1, 3], 20, vocabulary=7, triggers=2, seed=5)


def test_both_gradients_are_those_of_automatic_differentiation(drawn):
    value = torch.zeros(7, 23, dtype=torch.float64, requires_grad=True)
    attention = torch.zeros(23, 23, dtype=torch.float64, requires_grad=True)
    loss, _ = plain_loss(value, attention, drawn)
    (wanted,) = torch.autograd.grad(loss, value)
    torch.testing.assert_close(value_gradient(stack([drawn]), 7)[0], -wanted, atol=1e-16, rtol=0)

    rough = torch.randn(7, 23, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    loss, _ = plain_loss(rough, attention, drawn)
    (wanted,) = torch.autograd.grad(loss, attention)
    found = attention_gradient(rough[None], stack([drawn]))[0]
    torch.testing.assert_close(found, -wanted, atol=1e-15, rtol=0)
    # A planted fault: values of another output are seen.
    assert (attention_gradient(rough.flip(0)[None], stack([drawn]))[0] + wanted).abs().max() > 1e-3


def test_the_gathered_model_is_the_definition(drawn):
    source = torch.Generator().manual_seed(1)
    value = torch.randn(3, 7, 23, dtype=torch.float64, generator=source)
    attention = torch.randn(3, 23, 23, dtype=torch.float64, generator=source)
    found = outputs_of(value, attention, drawn)
    for model in range(3):
        _, wanted = plain_loss(value[model], attention[model], drawn)
        torch.testing.assert_close(found[model], wanted, atol=1e-13, rtol=0)
    each = stack([drawn] * 3)
    torch.testing.assert_close(outputs_of(value, attention, each), found, atol=0, rtol=0)
    one = outputs_of(value[0], attention[0], each)
    torch.testing.assert_close(one, found[:1].expand_as(one), atol=1e-13, rtol=0)


def test_attention_is_a_law_on_what_stands_there(drawn):
    matrix = 50 * torch.randn(23, 23, generator=torch.Generator().manual_seed(2))
    weights = attention_of(matrix, drawn)
    torch.testing.assert_close(weights.sum(-1), torch.ones(20))
    assert weights[drawn.tokens < 0].abs().max() == 0
    assert attention_of(matrix * torch.nan, drawn)[drawn.tokens >= 0].isnan().all()


def test_a_model_does_not_depend_on_its_neighbours():
    both = train_two_steps(LAWS, LENGTHS, triggers=[1, 2, 4], samples=300, seeds=(0, 7))
    for row, triggers in enumerate((1, 2, 4)):
        alone = train_two_steps(LAWS[row], LENGTHS, triggers=triggers, samples=300, seeds=(7,))
        assert torch.equal(alone.attention[0, 0], both.attention[row, 1])
        assert torch.equal(alone.value[0, 0], both.value[row, 1])
    assert not torch.equal(both.attention[0, 0], both.attention[0, 1])


def test_without_the_previous_token_its_block_of_the_values_is_zero():
    models = train_two_steps(LAWS[1], LENGTHS, samples=200, previous=False)
    start = models.longest + models.vocabulary
    assert models.value[..., start:].abs().max() == 0
    assert models.value[..., :start].abs().max() > 0


def test_single_precision_is_near_double():
    one, two = (
        train_two_steps(LAWS[1], LENGTHS, samples=400, dtype=kind)
        for kind in (torch.float32, torch.float64)
    )
    assert one.attention.dtype == torch.float32
    scale = two.attention.abs().max()
    assert (one.attention - two.attention).abs().max() < 1e-4 * scale


def test_accuracy_counts_what_it_says():
    models = train_two_steps(LAWS, LENGTHS, triggers=2, samples=1000, seeds=(0, 1))
    found = accuracy(models, samples=200)
    for row in range(3):
        for column in range(2):
            test = sample_sequences(
                LAWS[row],
                LENGTHS,
                200,
                vocabulary=64,
                triggers=2,
                family="conflict",
                longest=models.longest,
                seed=10**6 + column,
            )
            _, logits = plain_loss(models.value[row, column], models.attention[row, column], test)
            told = logits.argmax(-1)
            right = told == test.output
            middle = test.tokens[torch.arange(200), (test.first + test.second) // 2 + 1]
            left = test.tokens[:, 4]
            assert found.correct[row, column] == right.double().mean()
            assert found.pseudo[row, column] == (~right & (told == middle)).double().mean()
            assert found.leftmost[row, column] == (~right & (told == left)).double().mean()


def test_the_predictor_agrees_with_the_simulation_where_it_is_sure():
    # Uniform on 3..4 and 3..15 with four triggers: far below and above the threshold. 99.99 % intervals of
    # 3 x 1024 test sequences are within 9 points.
    lengths = np.arange(3, 16)
    laws = np.array([[0.5, 0.5] + [0] * 11, [1 / 13] * 13])
    models = train_two_steps(laws, lengths, seeds=(0, 1, 2))
    found = accuracy(models).correct.mean(1)
    for share, law in zip(found, laws, strict=True):
        assert abs(float(share) - predicted_accuracy(law, lengths, 4)) < 0.09
    assert found[1] > 0.99 > 0.4 > found[0]


def test_bad_settings_get_a_sentence(as_reader):
    with pytest.raises(
        ValueError, match="triggers: 2 are given, but one number or one for each of 3"
    ):
        train_two_steps(LAWS, LENGTHS, triggers=[1, 2])
    with pytest.raises(ValueError, match="seeds: none is given"):
        train_two_steps(LAWS, LENGTHS, seeds=())
    with pytest.raises(ValueError, match="longest: 5 is given"):
        train_two_steps(LAWS, LENGTHS, longest=5)
    with pytest.raises(ValueError, match="vocabulary: 5 is given, but at least 6"):
        train_two_steps(LAWS, LENGTHS, vocabulary=5)
    models = train_two_steps(LAWS[0], LENGTHS, samples=10)
    with pytest.raises(ValueError, match="which 147 features of the form"):
        outputs_of(
            models.value[0, 0],
            models.attention[0, 0],
            sample_sequences(LAWS[0], LENGTHS, 3, vocabulary=64, triggers=1, longest=24),
        )
