"""What is special to the claims of the duality: what they say in words, and all small cases."""

from __future__ import annotations

import itertools
import math
import re

import numpy as np
import pytest
import torch

from softbook.claims import claim_by_id, ledger
from softbook.ssd.claims import apart, chunks, common, cost, softmax, widths
from softbook.ssd.figures.cost import multiply_adds
from softbook.ssd.model import minimal_completion as complete
from softbook.ssd.theory import diagonal_blocks, new_columns, semiseparable_order

PROVED = (
    "ssd-scalar",
    "ssd-heads",
    "ssd-absorb",
    "ssd-completion",
    "ssd-dual",
    "ssd-separation",
    "ssd-identity-corner",
    "ssd-softmax-order",
    "ssd-full-rank",
    "ssd-chunked",
)
CHAPTER = [claim for claim in ledger() if claim.id.startswith(("ssd-", "quoted-ssd-"))]


# ---------------------------------------------------------------- what the ledger holds


def test_the_chapter_has_its_claims_with_their_evidence():
    evidence = {claim.id: claim.evidence for claim in CHAPTER}
    assert all(evidence[one] == "proved" for one in PROVED)
    assert evidence["ssd-cost"] == "exact"
    for one in ("quoted-ssd-classes", "quoted-ssd-scan", "quoted-ssd-paper"):
        assert evidence[one] == "quoted"
        assert claim_by_id(one).measured is None


def test_exact_claims_forgive_nothing():
    for one in (*PROVED, "ssd-cost"):
        if one != "ssd-chunked":
            claim = claim_by_id(one)
            assert claim.relation == "=="
            assert claim.tolerance.size(**claim.defaults()) == 0.0


def test_both_answers_occur_among_the_draws_of_the_dual():
    claim = claim_by_id("ssd-dual")
    found = [claim.check(**settings).measured for settings in claim.draw(200, seed=3)]
    assert min(found.count(0.0), found.count(1.0)) >= 10


# ---------------------------------------------------------------- what the statements say in words


def test_the_matrix_in_the_statement_is_the_one_computed():
    body = re.search(
        r"begin\{pmatrix\}(.*?)\\end", claim_by_id("ssd-separation").statement, re.DOTALL
    )
    printed = [[int(x) for x in row.split("&")] for row in body[1].split(r"\\")]
    matrix = apart.alternating(4, ones=True, seed=0)
    assert printed == matrix.tolist()
    assert [t + 1 for t in new_columns(matrix)] == [1, 2, 3]
    assert semiseparable_order(matrix) == 2


def test_the_corner_of_ones_is_the_identity_with_a_corner():
    matrix = apart.cornered(7, ones=True, seed=5)
    wanted = np.eye(7, dtype=int)
    wanted[-1, 0] = 1
    assert (matrix == wanted).all()
    assert new_columns(matrix) == tuple(range(6))
    assert len(diagonal_blocks(matrix)) == 1


def test_uniform_attention_is_the_default_warning():
    claim = claim_by_id("ssd-full-rank")
    assert claim.defaults()["largest"] == 1
    uniform = softmax.causal(np.ones((5, 5), dtype=int).astype(object))
    assert [row[0] for row in uniform] == [common.Fraction(1, i) for i in range(1, 6)]


def test_the_counted_roundings_are_those_of_the_statement():
    printed = r"R=5(T-1)+N+\min(C,T)+2\lceil T/C\rceil+2"
    assert printed in claim_by_id("ssd-chunked").statement
    for t, n, c in itertools.product((1, 16, 17, 100), (1, 16), (16, 64)):
        wanted = 5 * (t - 1) + n + min(c, t) + 2 * math.ceil(t / c) + 2
        assert chunks.chunked_roundings(t, n, c) == wanted
    for kind in (torch.finfo(torch.float32), torch.finfo(torch.float64)):
        assert kind.tiny / kind.eps < 1e-30


def test_the_costs_of_the_statement_are_the_costs_of_the_figure():
    n, p, c = cost.STATES, cost.CHANNELS, cost.CHUNK
    assert f"N=P=C={n}" in claim_by_id("ssd-cost").statement
    assert n == p == c
    for t in range(1, 1500):
        m, r = divmod(t, c)
        exact = (m * c * (c + 1) // 2 + r * (r + 1) // 2) * (n + p) + (2 * t + -(-t // c)) * n * p
        most = t * ((c + 1) * (n + p) / 2 + 2 * n * p) + math.ceil(t / c) * n * p
        assert multiply_adds("chunked", t) == exact <= most
        assert (exact == most) == (r == 0)
        assert multiply_adds("loop", t) == 3 * t * n * p
        assert multiply_adds("quadratic", t) == t * (t + 1) // 2 * (n + p)


def test_exponentials_are_as_good_as_the_bound_takes_them_to_be():
    for dtype, u in ((torch.float32, 2.0**-24), (torch.float64, 2.0**-53)):
        x = -torch.logspace(-6, 1.9, 20_001, dtype=torch.float64).to(dtype)
        if dtype == torch.float64:
            exact = torch.tensor([math.exp(value) for value in x.tolist()], dtype=dtype)
        else:
            exact = x.double().exp()
        assert ((x.exp().double() - exact) / exact).abs().max() <= 4 * u


@pytest.mark.parametrize("kind", ["scalar", "diagonal"])
def test_the_rounding_of_a_sequence_of_many_slabs_is_within_its_bound(kind):
    """More chunks than are worked on at once, and a rest: beyond what the ledger draws."""
    settings = {"tokens": 1503, "states": 3, "chunk": 16, "precision": "float32"}
    for gate, seed in ((1e-3, 4), (1e-3, 5), (3.0, 6)):
        found = chunks.relative_error(kind=kind, gate=gate, zeros=0.0, seed=seed, **settings)
        assert 0 < found <= chunks.relative(chunks.chunked_roundings(1503, 3, 16), "float32")


@pytest.mark.parametrize("one", [*PROVED, "ssd-cost"])
def test_each_claim_draws_its_two_sides(one):
    names = {trace.name for trace in claim_by_id(one).figure().data}
    assert names == {"promised", "measured"}


# ---------------------------------------------------------------- the claims' own computations


@pytest.mark.parametrize("seed", range(20))
def test_rank_and_blocks_agree_with_other_computations(seed):
    rng = np.random.default_rng(seed)
    matrix = common.whole(rng, 6, 2, size=1) @ common.whole(rng, 2, 6, size=1)
    assert common.rank(matrix) == np.linalg.matrix_rank(matrix.astype(float))
    lower = np.tril(rng.random((6, 6)) < 0.3).astype(int).astype(object)
    assert common.finest(lower) == [(b[0], b[-1] + 1) for b in diagonal_blocks(lower)]
    assert common.count_new(lower) == len(new_columns(lower))


@pytest.mark.parametrize("seed", range(10))
def test_an_ssm_has_no_more_order_than_states(seed):
    rng = np.random.default_rng(seed)
    q, k = common.whole(rng, 7, 2), common.whole(rng, 7, 2)
    matrix = common.run(q, k, common.whole(rng, 7, 2, 2, size=1))
    assert semiseparable_order(matrix) <= 2


def test_all_matrices_of_zeros_and_ones_of_four_tokens():
    """The theorem on all 1024: completion, dual and refusal at every width."""
    places = list(zip(*np.tril_indices(4), strict=True))
    for bits in range(1 << len(places)):
        matrix = np.zeros((4, 4), dtype=object)
        for number, place in enumerate(places):
            matrix[place] = bits >> number & 1
        counts = [common.count_new(matrix, *block) for block in common.finest(matrix)]
        assert common.rank(np.asarray(complete(matrix))) == sum(counts)
        needed = max(counts)
        assert widths.is_dual(matrix, needed) == 1.0
        assert not needed or widths.is_dual(matrix, needed - 1) == 0.0
