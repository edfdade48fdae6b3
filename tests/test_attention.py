"""Explicit attention: what it computes, and what it says to input that does not fit."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from softbook.attention import attend, attention_weights, score_limit

DTYPES = [torch.float32, torch.float64]


def _random(*shape: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


@given(
    batch=st.lists(st.integers(0, 3), max_size=3),
    sizes=st.tuples(*[st.integers(1, 4)] * 4),
    seed=st.integers(0, 99),
)
def test_attention_is_weights_times_values(batch, sizes, seed):
    queries, keys, width, value_width = sizes
    query = _random(*batch, queries, width, seed=seed)
    key = _random(*batch, keys, width, seed=seed + 1)
    value = _random(*batch, keys, value_width, seed=seed + 2)
    weights = attention_weights(query, key)
    assert torch.allclose(weights.sum(-1), torch.ones(*batch, queries, dtype=torch.float64))
    torch.testing.assert_close(attend(query, key, value), weights @ value, rtol=1e-12, atol=1e-12)


def test_a_masked_key_counts_for_nothing():
    query, key, value = _random(2, 3), _random(4, 3, seed=1), _random(4, 2, seed=2)
    mask = torch.tensor([[True, True, False, False], [False, True, True, False]])
    seen = attend(query, key, value, mask)
    torch.testing.assert_close(seen[0], attend(query[:1], key[:2], value[:2])[0])
    assert attention_weights(query, key, mask)[1].tolist()[3] == 0.0


def test_views_are_read_as_they_are():
    query, key, value = _random(3, 2).mT, _random(3, 5, seed=1).mT, _random(2, 5, seed=2).mT
    assert not query.is_contiguous()
    expected = attend(query.contiguous(), key.contiguous(), value.contiguous())
    torch.testing.assert_close(attend(query, key, value), expected)


def test_gradients():
    arguments = [_random(2, 3), _random(4, 3, seed=1), _random(4, 2, seed=2)]
    assert torch.autograd.gradcheck(attend, [one.requires_grad_() for one in arguments])


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_score_beyond_the_limit_weighs_exactly_nothing(dtype):
    scores = torch.tensor([[0.0], [-score_limit(dtype)]], dtype=dtype)
    values = torch.tensor([[1.0], [torch.finfo(dtype).max]], dtype=dtype)
    assert attend(torch.ones(1, 1, dtype=dtype), scores, values).item() == 1.0
    assert math.exp(-score_limit(torch.float64)) == 0.0


@pytest.mark.usefixtures("as_reader")
@pytest.mark.parametrize(
    ("change", "error", "sentence"),
    [
        ({"query": [[1.0]]}, TypeError, "query: list is given, but a tensor is needed"),
        ({"key": torch.ones(4, 3).long()}, TypeError, "key: dtype torch.int64 is given"),
        ({"query": torch.ones(3)}, ValueError, r"query: shape \(3,\) is given"),
        ({"value": torch.ones(4, 2).double()}, ValueError, "query, key, value: dtype"),
        ({"key": torch.ones(2, 4, 3)}, ValueError, "query, key, value: batch shape"),
        ({"key": torch.ones(4, 2)}, ValueError, "query, key: widths 3 and 2 are given"),
        ({"value": torch.ones(3, 2)}, ValueError, "key, value: 4 keys and 3 values are given"),
        ({"key": torch.ones(0, 3), "value": torch.ones(0, 2)}, ValueError, "key: no key is given"),
        ({"mask": torch.ones(2, 4)}, TypeError, "mask: dtype torch.float32 is given"),
        ({"mask": torch.ones(3, 3).bool()}, ValueError, r"mask: shape \(3, 3\) is given"),
        ({"mask": torch.zeros(2, 4).bool()}, ValueError, "mask: a query that sees no key"),
    ],
)
def test_input_that_does_not_fit(change, error, sentence):
    arguments = {"query": torch.ones(2, 3), "key": torch.ones(4, 3), "value": torch.ones(4, 2)}
    with pytest.raises(error, match=sentence):
        attend(**(arguments | change))
