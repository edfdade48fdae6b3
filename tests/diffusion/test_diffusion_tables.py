"""Tables of laws: what is accepted, and what their makers promise."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from softbook.diffusion.model.tables import (
    check_table,
    copy_law,
    product_law,
    random_law,
    split_tokens,
)


@pytest.mark.parametrize(
    ("data", "error", "words"),
    [
        (np.ones((2, 3)) / 6, ValueError, "data: shape (2, 3) is given"),
        ([0.5, 0.4], ValueError, "data: entries sum to 0.9"),
        ([1.5, -0.5], ValueError, "data: -0.5 is given"),
        ([np.nan, 1.0], ValueError, "data: nan is given"),
        (np.array(["a"]), TypeError, "data: entries of type <U1"),
        (1.0, ValueError, "data: shape () is given"),
    ],
)
def test_what_is_no_law_gets_a_sentence(data, error, words):
    with pytest.raises(error) as told:
        check_table(data)
    assert words in str(told.value)


@given(st.integers(1, 4), st.integers(1, 3), st.integers(0, 99))
def test_random_laws_are_laws_and_repeat(tokens, sites, seed):
    law = random_law(tokens, sites, seed)
    assert check_table(law).shape == (tokens,) * sites
    assert (law == random_law(tokens, sites, seed)).all()
    assert tokens**sites == 1 or not (law == random_law(tokens, sites, seed + 1)).all()


def test_products_and_copies():
    law = product_law([[0.25, 0.75], [0.5, 0.5]])
    assert law.tolist() == [[0.125, 0.125], [0.375, 0.375]]
    assert np.argwhere(copy_law(3, 3)).tolist() == [[0] * 3, [1] * 3, [2] * 3]
    with pytest.raises(ValueError, match="marginals: shapes"):
        product_law([[1.0], [0.5, 0.5]])


def test_synonyms_share_their_tokens_mass():
    data = torch.from_numpy(random_law(2, 2, 0))
    split = split_tokens(data, 3)
    assert isinstance(split, torch.Tensor)
    assert torch.allclose(split.view(2, 3, 2, 3).sum((1, 3)), data)
    assert (split.view(2, 3, 2, 3) == split.view(2, 3, 2, 3)[:, :1, :, :1]).all()
