"""What callers meet: sentences for bad input, torch.compile, packed sequences, types, devices."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch

from softbook.kernels.ssd import ssd

OPERATORS = torch.ops.softbook


def some(batch=1, tokens=6, groups=1, heads=2, width=3, size=2, **rest):
    """Return inputs with any of them replaced."""
    inputs = {
        "q": torch.randn(batch, tokens, groups, width),
        "k": torch.randn(batch, tokens, groups, width),
        "v": torch.randn(batch, tokens, heads, size),
        "log_a": -torch.rand(batch, tokens, heads),
    }
    return inputs | rest


BAD = {
    "q: list": (some(q=[1.0]), TypeError),
    "q: dtype torch.int64": (some(q=torch.ones(1, 6, 1, 3, dtype=torch.long)), TypeError),
    "q, k, v: dtypes": (some(k=torch.ones(1, 6, 1, 3, dtype=torch.float64)), TypeError),
    "log_a: dtype torch.float16": (some(log_a=torch.zeros(1, 6, 2).half()), TypeError),
    "q: shape (6, 1, 3)": (some(q=torch.ones(6, 1, 3)), ValueError),
    "k: shape (1, 5, 1, 3)": (some(k=torch.ones(1, 5, 1, 3)), ValueError),
    "v: batch and time (1, 5)": (some(v=torch.ones(1, 5, 2, 2)), ValueError),
    "v: 3 heads": (some(groups=2, heads=3), ValueError),
    "q: groups 0": (some(groups=0), ValueError),
    "q: state width N 0": (some(width=0), ValueError),
    "v: heads 0": (some(heads=0), ValueError),
    "log_a: shape (1, 6, 3)": (some(log_a=torch.zeros(1, 6, 3)), ValueError),
    "log_a: 0.5": (some(log_a=torch.full((1, 6, 2), 0.5)), ValueError),
    "scale: str": (some(scale="1"), TypeError),
    "scale: nan": (some(scale=float("nan")), ValueError),
    "chunk_size: 48": (some(chunk_size=48), ValueError),
    "backend: 'cuda'": (some(backend="cuda"), ValueError),
    "backend: 'gpu' is given, but the tensors": (some(backend="gpu"), ValueError),
    "initial_state: shape (1, 2, 2, 3)": (some(initial_state=torch.ones(1, 2, 2, 3)), ValueError),
    "initial_state: dtype": (some(initial_state=torch.ones(1, 2, 3, 2).half()), TypeError),
    "initial_state: int": (some(initial_state=0), TypeError),
    "cu_seqlens: list": (some(cu_seqlens=[0, 6]), TypeError),
    "cu_seqlens: dtype": (some(cu_seqlens=torch.tensor([0.0, 6.0])), TypeError),
    "cu_seqlens: shape": (some(cu_seqlens=torch.tensor([6])), ValueError),
    "cu_seqlens: [0, 4, 3, 6]": (some(cu_seqlens=torch.tensor([0, 4, 3, 6])), ValueError),
    "cu_seqlens: [1, 6]": (some(cu_seqlens=torch.tensor([1, 6])), ValueError),
    "cu_seqlens: packed": (some(batch=2, cu_seqlens=torch.tensor([0, 6])), ValueError),
}


@pytest.mark.usefixtures("as_reader")
@pytest.mark.parametrize("start", BAD, ids=str)
def test_bad_input_gets_a_sentence(start):
    inputs, kind = BAD[start]
    with pytest.raises(kind) as caught:
        ssd(**inputs)
    assert str(caught.value).startswith(start)
    assert "given, but" in str(caught.value)


@pytest.mark.parametrize("backend", ["cpu", "reference", "auto"])
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_types_of_the_answers(trial, backend, dtype):
    case = trial.make_case(1, 9, dtype=dtype, state=False)
    o, final = ssd(*case[:4], output_final_state=True, backend=backend)
    assert o.dtype == dtype
    assert final.dtype == (torch.float64 if dtype == torch.float64 else torch.float32)
    assert ssd(*case[:4], backend=backend)[1] is None


def test_gates_in_float32_beside_half_precision(trial):
    case = trial.make_case(1, 100, dtype=torch.bfloat16)
    case = case._replace(log_a=case.log_a.float())
    found = trial.answers(case)
    assert found["dlog_a"].dtype == torch.float32
    wanted = trial.answers(trial.in_float64(case), backend="reference")
    assert max(trial.distances(found, wanted).values()) < 0.01


@pytest.mark.parametrize("diagonal", [False, True])
def test_packed_sequences_are_sequences_alone(trial, diagonal):
    case = trial.make_case(1, 90, diagonal=diagonal, sequences=4)
    ends = case.settings["cu_seqlens"].tolist()
    o, final = ssd(*case[:4], initial_state=case.state, output_final_state=True, **case.settings)
    for n, (low, high) in enumerate(pairwise(ends)):
        alone, last = ssd(
            *(x[:, low:high] for x in case[:4]),
            initial_state=case.state[n : n + 1],
            output_final_state=True,
        )
        torch.testing.assert_close(o[:, low:high], alone)
        torch.testing.assert_close(final[n : n + 1], last)


@pytest.mark.parametrize("diagonal", [False, True])
@pytest.mark.parametrize("sequences", [0, 3])
def test_the_custom_operators_keep_their_contract(trial, diagonal, sequences):
    case = trial.make_case(1, 40, diagonal=diagonal, sequences=sequences, dtype=torch.float32)
    cu_seqlens = case.settings.get("cu_seqlens")
    leaves = [x.requires_grad_() for x in case[:5]]
    torch.library.opcheck(OPERATORS.ssd_forward, (*leaves, cu_seqlens, 0.7, 16, True))
    torch.library.opcheck(OPERATORS.ssd_forward, (*leaves[:4], None, None, 0.7, 64, True))
    o, final = OPERATORS.ssd_forward(*case[:5], cu_seqlens, 0.7, 16, True)
    inputs = [x.detach() for x in (o, final, *case[:5])]
    torch.library.opcheck(OPERATORS.ssd_backward, (*inputs, cu_seqlens, 0.7, 16))


def test_an_operator_that_changes_its_input_is_refused():
    """The contract's check is alive: a fault of the kind that it looks for turns it red."""

    @torch.library.custom_op("softbook_test::spoils", mutates_args=())
    def spoils(x: torch.Tensor) -> torch.Tensor:
        return x.add_(1).clone()

    with pytest.raises(Exception, match="mutat"):
        torch.library.opcheck(spoils, (torch.ones(3),))


@pytest.mark.usefixtures("as_reader")
def test_a_model_around_it_compiles_whole(trial):
    case = trial.make_case(1, 70, dtype=torch.float32, sequences=2)

    def model(q, k, v, log_a, state):
        o, final = ssd(
            q.tanh(), k, v, log_a, initial_state=state, output_final_state=True, **case.settings
        )
        return o.square().sum() + final.sum()

    def gradients(run):
        leaves = [x.detach().clone().requires_grad_() for x in case[:5]]
        return torch.autograd.grad(run(*leaves), leaves)

    for one, two in zip(
        gradients(torch.compile(model, fullgraph=True, backend="aot_eager")),
        gradients(model),
        strict=True,
    ):
        torch.testing.assert_close(one, two, rtol=1e-5, atol=1e-5)


def test_the_second_derivative_is_refused_plainly(trial):
    case = trial.make_case(1, 5, state=False)
    q = case.q.requires_grad_()
    (grad,) = torch.autograd.grad(ssd(q, *case[1:4])[0].sum(), q, create_graph=True)
    with pytest.raises(RuntimeError):
        torch.autograd.grad(grad.sum(), q)
