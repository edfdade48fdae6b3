"""What is special to the claims of the duality: what they say in words, and what turns them red."""

from __future__ import annotations

import itertools
import math
import re

import numpy as np
import pytest
import torch

from softbook.claims import claim_by_id, ledger
from softbook.kernels.ssd import ssd
from softbook.ssd.claims import chunks, common, cost, heads, softmax, widths
from softbook.ssd.figures.cost import multiply_adds
from softbook.ssd.model import Dual, absorb_decays, attention_dual, diagonal_as_heads, kernel_matrix
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


def red(one: str, draws: int = 40) -> bool:
    """Tell whether the default setting, draws or a small attack break a claim."""
    claim = claim_by_id(one)
    if not claim.check().holds:
        return True
    if not all(claim.check(**settings).holds for settings in claim.draw(draws, seed=0)):
        return True
    return not claim.attack(draws, seed=0).holds


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


@pytest.mark.parametrize("one", [*PROVED, "ssd-cost"])
def test_it_is_green_as_it_stands(one):
    assert not red(one, draws=20)


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
    matrix = widths.alternating(4, ones=True, seed=0)
    assert printed == matrix.tolist()
    assert [t + 1 for t in new_columns(matrix)] == [1, 2, 3]
    assert semiseparable_order(matrix) == 2


def test_the_corner_of_ones_is_the_identity_with_a_corner():
    matrix = widths.cornered(7, ones=True, seed=5)
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
    printed = r"K=5(T-1)+N+\min(C,T)+2\lceil T/C\rceil+2"
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


# ---------------------------------------------------------------- planted faults


def shifted(a):
    """The decays of the token before: the mask's commonest error."""
    return np.concatenate([a[:1], a[:-1]])


@pytest.mark.parametrize("one", ["ssd-scalar", "ssd-heads", "ssd-absorb"])
def test_decays_off_by_one_go_red(one, monkeypatch):
    monkeypatch.setattr(heads, "kernel_matrix", lambda q, k, a: kernel_matrix(q, k, shifted(a)))
    assert red(one)


@pytest.mark.parametrize("one", ["ssd-scalar", "ssd-heads"])
def test_a_mask_that_decays_its_own_token_goes_red(one, monkeypatch):
    real = heads.mask
    monkeypatch.setattr(heads, "mask", lambda a: real(a) * a[None, :])
    assert red(one)


@pytest.mark.parametrize(
    "fault",
    [
        lambda q, k, a: diagonal_as_heads(q, k, a)[:-1],
        lambda q, k, a: [(q_n, k_n, a[:, 0]) for q_n, k_n, _ in diagonal_as_heads(q, k, a)],
    ],
    ids=["one head is dropped", "all heads decay alike"],
)
def test_wrong_heads_go_red(fault, monkeypatch):
    monkeypatch.setattr(heads, "diagonal_as_heads", fault)
    assert red("ssd-heads")


def on_the_other_factor(q, k, a):
    """The decays on the wrong factor: q / P and k P."""
    ones = np.ones_like(np.asarray(q))
    queries, keys = absorb_decays(ones, ones, a)
    return q * keys, k * queries


def test_decays_on_the_wrong_factor_go_red(monkeypatch):
    monkeypatch.setattr(heads, "absorb_decays", on_the_other_factor)
    assert red("ssd-absorb")


def test_a_completion_of_zeros_goes_red(monkeypatch):
    monkeypatch.setattr(widths, "minimal_completion", lambda matrix: matrix)
    assert red("ssd-completion")


def test_a_completion_that_changes_an_entry_goes_red(monkeypatch):
    monkeypatch.setattr(
        widths, "minimal_completion", lambda matrix: np.asarray(complete(matrix)) * 2
    )
    assert red("ssd-completion")


def all_rows(matrix):
    """New columns with all rows, as if the range of rows did not shrink."""
    return tuple(
        t
        for t in range(len(matrix))
        if common.rank(matrix[:, : t + 1]) > (common.rank(matrix[:, :t]) if t else 0)
    )


def test_rows_that_do_not_shrink_go_red(monkeypatch):
    monkeypatch.setattr(widths, "new_columns", all_rows)
    monkeypatch.setattr(softmax, "new_columns", all_rows)
    assert red("ssd-completion")
    assert red("ssd-softmax-order")


def without_cuts(matrix, width=None):
    """A dual that never cuts."""
    most = semiseparable_order(matrix) if width is None else width
    return attention_dual(matrix, most) if len(new_columns(matrix)) <= most else None


def always(matrix, width=None):
    """A dual for every matrix, wide enough or not."""
    dual = attention_dual(matrix, len(matrix))
    return Dual(dual.q[:, :width], dual.k[:, :width], dual.a)


@pytest.mark.parametrize("fault", [without_cuts, always], ids=["never cuts", "never refuses"])
def test_wrong_duals_go_red(fault, monkeypatch):
    monkeypatch.setattr(widths, "attention_dual", fault)
    assert red("ssd-dual", draws=100)


@pytest.mark.parametrize("one", ["ssd-separation", "ssd-identity-corner", "ssd-softmax-order"])
def test_a_dual_wider_than_needed_goes_red(one, monkeypatch):
    def padded(matrix, width=None):
        dual = attention_dual(matrix, width)
        if dual is None or dual.width == len(matrix):
            return dual
        pad = [(0, 0), (0, 1)]
        return Dual(np.pad(dual.q, pad), np.pad(dual.k, pad), dual.a)

    monkeypatch.setattr(widths, "attention_dual", padded)
    assert red(one)


@pytest.mark.parametrize("one", ["ssd-separation", "ssd-identity-corner", "ssd-full-rank"])
def test_the_rank_of_the_whole_matrix_in_place_of_its_order_goes_red(one, monkeypatch):
    for module in (widths, softmax):
        monkeypatch.setattr(module, "semiseparable_order", common.rank)
    assert red(one)


def test_half_the_tokens_rounded_down_goes_red(monkeypatch):
    monkeypatch.setattr(softmax, "softmax_order", lambda tokens: tokens // 2)
    assert red("ssd-softmax-order")


def test_a_block_one_row_too_low_goes_red(monkeypatch):
    real = softmax.block_ranks
    monkeypatch.setattr(softmax, "block_ranks", lambda matrix: real(matrix)[1:])
    assert red("ssd-softmax-order")


def late(q, k, v, log_a, **more):
    return ssd(q, k, v, torch.cat([log_a[:, :1], log_a[:, :-1]], 1), **more)


def forgetful(q, k, v, log_a, *, chunk_size, **more):
    """Each chunk starts with an empty state."""
    cuts = zip(*(entry.split(chunk_size, 1) for entry in (q, k, v, log_a)), strict=True)
    return torch.cat([ssd(*part, **more)[0] for part in cuts], 1), None


def short(q, k, v, log_a, **more):
    """Decays are kept in bfloat16."""
    return ssd(q, k, v, log_a.bfloat16().to(q.dtype), **more)


def single(q, k, v, log_a, **more):
    """Everything is computed in float32, float64 inputs too."""
    o, state = ssd(*(entry.float() for entry in (q, k, v, log_a)), **more)
    return o.to(q.dtype), state


@pytest.mark.parametrize("fault", [late, forgetful, short, single])
def test_wrong_chunks_go_red(fault, monkeypatch):
    def faulty(*tensors, backend, **more):
        run = ssd if backend == "reference" else fault
        return run(*tensors, backend=backend, **more)

    monkeypatch.setattr(chunks, "ssd", faulty)
    assert red("ssd-chunked")


@pytest.mark.parametrize(
    "formula",
    [
        lambda form, t: multiply_adds(form, t) + (form == "loop"),
        lambda form, t: multiply_adds(form, t) - (form == "quadratic") * t * 128,
        lambda form, t: multiply_adds(form, t) - (form == "chunked" and t % 64 > 0) * 4096,
    ],
    ids=["one more", "no diagonal", "the last chunk is not counted"],
)
def test_wrong_costs_go_red(formula, monkeypatch):
    monkeypatch.setattr(cost, "multiply_adds", formula)
    assert red("ssd-cost")


def test_a_form_whose_outputs_are_wrong_has_no_cost(monkeypatch):
    monkeypatch.setitem(
        cost.RUNNERS, "chunked", lambda *args: cost.chunked(*args) + np.eye(1, cost.CHANNELS)
    )
    cost.counted.cache_clear()
    assert red("ssd-cost")
    cost.counted.cache_clear()
