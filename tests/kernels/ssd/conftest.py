"""Inputs for the operator, and how two of its answers are compared."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import NamedTuple

import pytest
import torch
from torch import Tensor

from softbook.kernels.ssd import ssd

# Scripts that tests run in processes of their own.
collect_ignore = ["gpu_lab.py", "gpu_lab_diagonal.py", "gpu_gate.py"]

GATES = ("ordinary", "some zero", "all zero", "none", "tiny", "strong", "slow")


class Case(NamedTuple):
    """The tensors of one call, and its settings."""

    q: Tensor
    k: Tensor
    v: Tensor
    log_a: Tensor
    state: Tensor | None
    settings: dict


def gates(kind: str, shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    """Return log decays of one kind in float64."""
    uniform = torch.rand(shape, generator=generator, dtype=torch.float64)
    zero = torch.full(shape, -torch.inf, dtype=torch.float64)
    return {
        "ordinary": -uniform,
        "some zero": torch.where(uniform < 0.2, zero, -uniform),
        "all zero": zero,
        "none": torch.zeros(shape, dtype=torch.float64),
        "tiny": -1e-9 * uniform,
        "strong": -200 * uniform,
        "slow": -0.02 * uniform,
    }[kind]


def make_case(
    batch: int = 2,
    tokens: int = 37,
    groups: int = 2,
    share: int = 2,
    width: int = 5,
    size: int = 3,
    *,
    diagonal: bool = False,
    kind: str = "ordinary",
    dtype: torch.dtype = torch.float64,
    sequences: int = 0,
    state: bool = True,
    seed: int = 0,
    **settings: object,
) -> Case:
    """Return random inputs; `sequences` > 0 packs that many, an empty one among them from two on."""
    generator = torch.Generator().manual_seed(seed)

    def normal(*shape: int, dtype: torch.dtype = dtype) -> Tensor:
        return torch.randn(shape, generator=generator, dtype=torch.float64).to(dtype)

    heads = groups * share
    rows = sequences or batch
    batch = 1 if sequences else batch
    kept = torch.float64 if dtype == torch.float64 else torch.float32
    if sequences:
        cuts = sorted((torch.rand(sequences - 1, generator=generator) * tokens).int().tolist())
        if sequences > 2:
            cuts[1] = cuts[0]
        settings["cu_seqlens"] = torch.tensor([0, *cuts, tokens])
    shape = (batch, tokens, heads, width) if diagonal else (batch, tokens, heads)
    return Case(
        normal(batch, tokens, groups, width),
        normal(batch, tokens, groups, width),
        normal(batch, tokens, heads, size),
        gates(kind, shape, generator).to(dtype),
        normal(rows, heads, width, size, dtype=kept) if state else None,
        settings,
    )


def answers(case: Case, operator: Callable = ssd, **settings: object) -> dict[str, Tensor]:
    """Return outputs, final states and every gradient of a random linear function of both."""
    names = ["q", "k", "v", "log_a"] + ["state"] * (case.state is not None)
    leaves = {name: getattr(case, name).detach().clone().requires_grad_() for name in names}
    o, final = operator(
        *(leaves[name] for name in names[:4]),
        initial_state=leaves.get("state"),
        output_final_state=True,
        **case.settings | settings,
    )
    generator = torch.Generator().manual_seed(1)
    loss = sum(
        (x.double() * torch.randn(x.shape, generator=generator, dtype=torch.float64)).sum()
        for x in (o, final)
    )
    found = torch.autograd.grad(loss, list(leaves.values()), allow_unused=True)
    grads = {
        f"d{name}": torch.zeros_like(leaf) if grad is None else grad
        for (name, leaf), grad in zip(leaves.items(), found, strict=True)
    }
    return {"o": o.detach(), "final": final.detach(), **grads}


def in_float64(case: Case) -> Case:
    """Return the same numbers as float64."""
    tensors = (None if x is None else x.double() for x in case[:5])
    return Case(*tensors, case.settings)


def distances(found: dict[str, Tensor], wanted: dict[str, Tensor]) -> dict[str, float]:
    """Return each answer's largest error, relative to the largest of the wanted numbers."""
    return {
        name: 0.0
        if not wanted[name].numel()
        else float(
            (found[name].double() - wanted[name].double()).abs().max()
            / wanted[name].double().abs().max().clamp(min=1e-30)
        )
        for name in wanted
    }


@pytest.fixture(scope="session")
def trial() -> SimpleNamespace:
    """What tests of the operator share."""
    return SimpleNamespace(
        GATES=GATES,
        Case=Case,
        make_case=make_case,
        answers=answers,
        in_float64=in_float64,
        distances=distances,
    )


@pytest.fixture
def poisoned():
    """Let memory that is not written hold NaN."""
    torch.use_deterministic_algorithms(True)
    assert torch.utils.deterministic.fill_uninitialized_memory
    assert torch.empty(3).isnan().all()
    yield
    torch.use_deterministic_algorithms(False)
