"""Random numbers: the published generator, the same word wherever it is made, and the right laws."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from softbook.kernels.jump import random

SIXTY_FOUR_BITS = st.integers(0, 2**63 - 1)

# The answers that the authors of Philox publish with it: counter, key, words.
KNOWN = [
    ([0, 0, 0, 0], 0, "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
    (
        [0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344],
        0x299F31D0A4093822,
        "d16cfe09 94fdcceb 5001e420 24126ea1",
    ),
    ([2**32 - 1] * 4, 2**64 - 1, "408f276d 41c83b0e a20bc7c6 6d5451fd"),
]


@pytest.mark.parametrize(("counter", "key", "words"), KNOWN)
def test_published_answers(counter, key, words):
    made = random.philox(*(torch.tensor([x]) for x in counter), key)
    assert " ".join(f"{x.item():08x}" for x in made) == words


def plain_words(seed: int, row: int, place: int, purpose: int) -> list[int]:
    """The generator again, in Python's integers."""
    c = [row % 2**32, row >> 32, place, purpose]
    k = [seed % 2**32, seed >> 32]
    for _ in range(10):
        one, two = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
        c = [(two >> 32) ^ c[1] ^ k[0], two % 2**32, (one >> 32) ^ c[3] ^ k[1], one % 2**32]
        k = [(k[0] + 0x9E3779B9) % 2**32, (k[1] + 0xBB67AE85) % 2**32]
    return c


@given(
    seed=SIXTY_FOUR_BITS,
    row=SIXTY_FOUR_BITS,
    place=st.integers(0, 2**20),
    purpose=st.integers(0, 2),
)
def test_words_are_the_generator_s(seed, row, place, purpose):
    made = random.words(seed, torch.tensor([row]), 4 * place, 4, purpose)
    assert made[0].tolist() == plain_words(seed, row, place, purpose)


@given(
    seed=SIXTY_FOUR_BITS,
    offset=st.integers(0, 2**40),
    start=st.integers(0, 6),
    count=st.integers(1, 30),
)
def test_a_word_does_not_depend_on_its_neighbours(seed, offset, start, count):
    rows = offset + torch.arange(5)
    whole = random.words(seed, rows, 0, 60, random.TOKENS)
    first = 4 * torch.tensor([start, 0, start, 1, 2])
    parts = random.words(seed, rows, first, count, random.TOKENS)
    for row, low in enumerate(first.tolist()):
        assert torch.equal(parts[row], whole[row, low : low + count])


def test_purposes_rows_and_seeds_differ():
    rows = torch.arange(50)
    made = [random.words(seed, rows, 0, 8, p) for seed in (0, 1, 2**32) for p in (0, 1, 2)]
    every = torch.stack(made).flatten()
    assert len(every.unique()) == len(every)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_uniform_and_gumbel_numbers(dtype):
    words = random.words(3, torch.arange(1000), 0, 100, random.TOKENS).flatten()
    u, g = random.uniform(words, dtype), random.gumbel(words, dtype)
    assert stats.kstest(u.numpy(), stats.uniform.cdf).pvalue > 1e-6
    assert stats.kstest(g.numpy(), stats.gumbel_r.cdf).pvalue > 1e-6
    # The test sees a law that is off by a hundredth.
    assert stats.kstest(g.numpy() + 0.02, stats.gumbel_r.cdf).pvalue < 1e-6


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_extreme_words_make_finite_numbers(dtype):
    words = torch.tensor([0, 1, 2**31, 2**32 - 2, 2**32 - 1])
    u = random.uniform(words, dtype)
    assert ((u > 0) & (u < 1)).all()
    g = random.gumbel(words, dtype)
    wanted = [-math.log(-math.log1p(-x)) for x in u.tolist()]
    torch.testing.assert_close(g.tolist(), wanted, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("jump", [0.0, 2.0**-32, 0.3, 0.5, 0.7, 1 - 2.0**-24, 1.0])
def test_a_coin_falls_as_often_as_it_should(jump):
    """Counted over words that fill [0, 2^32) evenly, and at both ends, where rare events lie."""
    both = torch.tensor([1 - jump]), torch.tensor([jump])
    words = torch.arange(0, 2**32, 2**12)
    assert abs(random.coin(words, *both).double().mean() - jump) < 1e-6
    ends = random.coin(torch.tensor([0, 2**32 - 1]), *both).tolist()
    assert ends == [jump > 0, jump == 1]


def test_a_coin_of_unknown_probability_stays():
    nan = torch.tensor([torch.nan])
    assert not random.coin(torch.tensor([0, 2**32 - 1]), nan, nan).any()
