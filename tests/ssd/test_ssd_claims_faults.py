"""Faults that are planted in what the duality's claims use: each turns its claims red."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from softbook.claims import claim_by_id
from softbook.kernels.ssd import ssd
from softbook.ssd.claims import chunks, common, cost, heads, softmax, widths
from softbook.ssd.figures.cost import multiply_adds
from softbook.ssd.model import Dual, absorb_decays, attention_dual, diagonal_as_heads, kernel_matrix
from softbook.ssd.model import minimal_completion as complete
from softbook.ssd.theory import new_columns, semiseparable_order


def red(one: str, draws: int = 40) -> bool:
    """Tell whether the default setting, draws or a small attack break a claim."""
    claim = claim_by_id(one)
    if not claim.check().holds:
        return True
    if not all(claim.check(**settings).holds for settings in claim.draw(draws, seed=0)):
        return True
    return not claim.attack(draws, seed=0).holds


@pytest.mark.parametrize(
    "one",
    [
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
        "ssd-cost",
    ],
)
def test_it_is_green_as_it_stands(one):
    assert not red(one, draws=20)


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
