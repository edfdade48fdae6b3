"""Small transformers: against one model written plainly, alone and stacked."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch

from softbook.induction.model.task import sample_sequences, stack
from softbook.induction.model.training import CHUNK
from softbook.induction.model.transformer import answers, train_transformers

LENGTHS = np.arange(1, 5)
LAWS = np.array([[0, 0, 1, 0], [0.25] * 4])
QUICK = {"steps": 5, "rate": 0.01, "batch": 8, "vocabulary": 6, "width": 8, "layers": 3}
QUICK |= {"tests": 40, "dtype": torch.float64}


def norm(x):
    spread = ((x - x.mean(-1, keepdim=True)) ** 2).mean(-1, keepdim=True)
    return (x - x.mean(-1, keepdim=True)) / (spread + 1e-5).sqrt()


def plain(weights, tokens, layers=3):
    """One sequence without padding through one model, every place of every layer."""
    x = weights["token"][tokens] + weights["place"][: len(tokens)]
    future = torch.ones(len(tokens), len(tokens), dtype=torch.bool).triu(1)
    for layer in range(layers):
        query, key, value = (norm(x) @ weights[f"{n}{layer}"] for n in ("query", "key", "value"))
        scores = (query @ key.T / math.sqrt(x.shape[-1])).masked_fill(future, -torch.inf)
        x = x + scores.softmax(-1) @ value @ weights[f"out{layer}"]
        x = x + (norm(x) @ weights[f"up{layer}"]).clamp(min=0) @ weights[f"down{layer}"]
    return (norm(x) @ weights["answer"])[-1]


@pytest.fixture(scope="module")
def trained():
    return train_transformers(LAWS, LENGTHS, seeds=(0, 3), **QUICK)


def test_answers_are_those_of_the_plain_transformer(trained):
    drawn = [
        sample_sequences(law, LENGTHS, 6, vocabulary=6, triggers=2, longest=11, seed=seed)
        for seed, law in enumerate(LAWS.repeat(2, 0))
    ]
    found = answers(trained.weights, stack(drawn))
    for model, sequences in enumerate(drawn):
        weights = {name: part[model] for name, part in trained.weights.items()}
        wanted = torch.stack(
            [
                plain(weights, tokens[:end])
                for tokens, end in zip(sequences.tokens, sequences.ends, strict=True)
            ]
        )
        torch.testing.assert_close(found[model], wanted, rtol=0, atol=1e-12)
        # A planted fault: another model's weights are seen.
        other = {name: part[model - 1] for name, part in trained.weights.items()}
        assert (
            found[model][0] - plain(other, sequences.tokens[0][: sequences.ends[0]])
        ).abs().max() > 1e-2


def test_training_is_that_of_one_plain_model():
    law, seed, settings = LAWS[1], 3, QUICK | {"steps": CHUNK + 2}
    found = train_transformers(LAWS, LENGTHS, seeds=(0, seed), **settings)
    start = train_transformers(law, LENGTHS, seeds=(seed,), **(QUICK | {"steps": 1, "rate": 0.0}))
    weights = {name: part[0].clone().requires_grad_() for name, part in start.weights.items()}
    source = torch.Generator().manual_seed(seed)
    # What was drawn for the weights comes before the sequences.
    for part in weights.values():
        torch.randn(part.shape, generator=source)
    update = torch.optim.AdamW(weights.values(), lr=0.01, weight_decay=0.01)
    for step in range(settings["steps"]):
        if step % CHUNK == 0:
            chunk = sample_sequences(
                law, LENGTHS, 8 * CHUNK, vocabulary=6, triggers=1, longest=11, seed=source
            )
        loss = 0.0
        for row in range(8 * (step % CHUNK), 8 * (step % CHUNK) + 8):
            logits = plain(weights, chunk.tokens[row][: chunk.ends[row]])
            loss = loss - logits.log_softmax(-1)[chunk.output[row]] / 8
        update.zero_grad()
        loss.backward()
        update.step()
    for name, part in weights.items():
        # Adam divides tiny gradients by their own size: rounding counts for more there.
        torch.testing.assert_close(found.weights[name][3], part.detach(), rtol=0, atol=1e-7)
        assert (found.weights[name][2] - part.detach()).abs().max() > 1e-2


def test_a_model_is_the_same_stacked_or_alone(trained):
    alone = train_transformers(LAWS[1], LENGTHS, seeds=(3,), **QUICK)
    for name, part in alone.weights.items():
        torch.testing.assert_close(trained.weights[name][3], part[0], rtol=0, atol=1e-9)
    for name in ("within", "correct", "pseudo"):
        assert (getattr(trained, name)[:, 1, 1] == getattr(alone, name)[:, 0, 0]).all()


def test_shares_are_what_the_models_do(trained):
    for model, (law, seed) in enumerate(itertools.product(LAWS, (0, 3))):
        shared = {"vocabulary": 6, "triggers": 1, "longest": 11, "seed": 10**6 + seed}
        weights = {name: part[[model]] for name, part in trained.weights.items()}
        for family, name in (("train", "within"), ("conflict", "correct")):
            drawn = stack([sample_sequences(law, LENGTHS, 40, family=family, **shared)])
            told = answers(weights, drawn).argmax(-1)[0]
            right = (told == drawn.output[0]).double().mean()
            assert getattr(trained, name)[-1, model // 2, model % 2] == right
        middle = (drawn.first + drawn.second)[0] // 2 + 1
        named = drawn.tokens[0].gather(1, middle[:, None])[:, 0]
        pseudo = ((told == named) & (told != drawn.output[0])).double().mean()
        assert trained.pseudo[-1, model // 2, model % 2] == pseudo


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"steps": 0}, "steps: 0 is given"),
        ({"width": 0}, "width: 0 is given"),
        ({"layers": 0}, "layers: 0 is given"),
        ({"places": -0.1}, "places: -0.1 is given, but at least 0"),
        ({"decay": -1.0}, "decay: -1.0 is given, but at least 0"),
        ({"rate": -1.0}, "rate: -1.0 is given, but at least 0"),
        ({"rate": math.nan}, "rate: nan is given"),
        ({"seeds": ()}, "seeds: none is given"),
        ({"vocabulary": 2}, "vocabulary: 2 is given, but at least 3"),
    ],
)
def test_what_cannot_be_trained_is_refused(change, words):
    with pytest.raises(ValueError, match=words):
        train_transformers(LAWS, LENGTHS, **(QUICK | change))
