"""What callers meet: sentences for bad input, torch.compile, shapes, types, values that are not numbers."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from softbook.kernels.jump import cpu, jump, log_prob

OPERATORS = torch.ops.softbook
PRIORS = pytest.mark.parametrize("prior", ["masked", "uniform"])


def some(**rest):
    """Return arguments of a call with any of them replaced."""
    arguments = {
        "logits": torch.randn(2, 3, 5),
        "tokens": torch.tensor([[5, 0, 5], [1, 5, 5]]),
        "stay_probability": 0.5,
        "seed": 0,
    }
    arguments |= rest
    return {name: value for name, value in arguments.items() if value is not ...}


LONG = {"dtype": torch.int64}
BAD = {
    "logits: list": (some(logits=[1.0]), TypeError),
    "logits: dtype torch.int64": (some(logits=torch.ones(2, 3, 5, **LONG)), TypeError),
    "logits: shape (2, 3, 0)": (some(logits=torch.ones(2, 3, 0)), ValueError),
    "logits: shape ()": (some(logits=torch.tensor(1.0)), ValueError),
    "tokens: list": (some(tokens=[1]), TypeError),
    "tokens: dtype torch.int32": (some(tokens=torch.zeros(2, 3, dtype=torch.int32)), TypeError),
    "tokens: shape (2,)": (some(tokens=torch.zeros(2, **LONG)), ValueError),
    "tokens: -1": (some(tokens=torch.full((2, 3), -1)), ValueError),
    "prior: 'mask'": (some(prior="mask"), ValueError),
    "mask: 4": (some(mask=4), ValueError),
    "mask: 9": (some(mask=9, prior="uniform"), ValueError),
    "mask: float": (some(mask=5.0), TypeError),
    "seed: str": (some(seed="1"), TypeError),
    "seed: bool": (some(seed=True), TypeError),
    "seed: float64": (some(seed=np.float64(1)), TypeError),
    "offset: bool": (some(offset=np.bool_(True)), TypeError),
    "seed: -2": (some(seed=np.int64(-2)), ValueError),
    "seed: 18446744073709551615": (some(seed=np.uint64(2**64 - 1)), ValueError),
    "seed: -1": (some(seed=-1), ValueError),
    "seed: 9223372036854775808": (some(seed=2**63), ValueError),
    "offset: -3": (some(offset=-3), ValueError),
    "backend: 'cuda'": (some(backend="cuda"), ValueError),
    "backend: 'gpu'": (some(backend="gpu"), ValueError),
    "stay_probability: nothing": (some(stay_probability=None), ValueError),
    "stay_probability: stay_probability and step": (some(step=0.1, time=0.1), ValueError),
    "stay_probability: step": (some(stay_probability=None, step=0.1), ValueError),
    "stay_probability: 1.5": (some(stay_probability=1.5), ValueError),
    "stay_probability: -0.25": (some(stay_probability=torch.tensor([-0.25, 0.5, 1])), ValueError),
    "stay_probability: str": (some(stay_probability="1"), TypeError),
    "stay_probability: nan": (some(stay_probability=math.nan), ValueError),
    "stay_probability: dtype": (some(stay_probability=torch.zeros(3, **LONG)), TypeError),
    "stay_probability: shape (2,)": (some(stay_probability=torch.zeros(2)), ValueError),
    "step: -0.5": (some(stay_probability=None, step=-0.5, time=0.5), ValueError),
    "time: 1 is given": (some(stay_probability=None, step=0.0, time=1.0), ValueError),
    "time: 1.25": (some(stay_probability=None, step=0.1, time=torch.tensor(1.25)), ValueError),
    "step: the end of the step, 1.25": (
        some(stay_probability=None, step=0.5, time=0.75),
        ValueError,
    ),
}


@pytest.mark.usefixtures("as_reader")
@pytest.mark.parametrize("start", BAD, ids=str)
def test_bad_input_gets_a_sentence(start):
    arguments, kind = BAD[start]
    with pytest.raises(kind) as caught:
        jump(**arguments)
    assert str(caught.value).startswith(start)
    assert "given, but" in str(caught.value)


@pytest.mark.parametrize("kind", [np.int64, np.uint64, np.int8])
@pytest.mark.parametrize("backend", ["cpu", "reference"])
def test_integers_of_numpy_count(kind, backend):
    logits, tokens = torch.randn(40, 9), torch.full((40,), 11)
    plain = jump(logits, tokens, 0.5, mask=11, seed=3, offset=7, backend=backend)
    again = jump(logits, tokens, 0.5, mask=kind(11), seed=kind(3), offset=kind(7), backend=backend)
    assert all(torch.equal(a, b) for a, b in zip(again, plain, strict=True))
    score = log_prob(logits, tokens, plain[0], 0.5, mask=kind(11), backend=backend)
    assert torch.equal(score, plain[1])


@pytest.mark.usefixtures("as_reader")
def test_the_score_s_tokens_are_named():
    logits, tokens = torch.randn(3, 5), torch.zeros(3, **LONG)
    with pytest.raises(ValueError, match=r"tokens_to: shape \(2,\) is given, but"):
        log_prob(logits, tokens, tokens[:2], 0.5)
    with pytest.raises(ValueError, match="tokens_from: -1 is given, but"):
        log_prob(logits, tokens - 1, tokens, 0.5)


@pytest.mark.parametrize("level", [torch.inf, -torch.inf])
def test_a_row_without_a_largest_finite_logit_is_named_where_it_is_read(level):
    logits = torch.randn(4, 600)
    logits[2] = level
    masks = torch.full((4,), 600)
    with pytest.raises(ValueError, match=f"logits: {level} is given as the largest of row 2, but"):
        jump(logits, masks, 0.0, seed=0)
    with pytest.raises(ValueError, match="row 2"):
        log_prob(logits, masks, torch.zeros(4, **LONG), 0.5)
    masks[[0, 2]] = 7
    assert jump(logits, masks, 0.0, seed=0)[0][2] == 7


@PRIORS
@pytest.mark.parametrize("backend", ["cpu", "reference"])
def test_not_a_number_stays_in_its_row(prior, backend):
    logits, tokens = torch.randn(4, 600), torch.full((4,), 600)
    wanted = jump(logits, tokens, 0.0, prior=prior, seed=0, backend=backend)
    logits[2, 5] = torch.nan
    after, log_p = jump(logits, tokens, 0.0, prior=prior, seed=0, backend=backend)
    others = [0, 1, 3]
    assert after[2] == 600
    assert log_p[2].isnan()
    assert torch.equal(after[others], wanted[0][others])
    assert torch.equal(log_p[others], wanted[1][others])


@PRIORS
def test_an_unknown_probability_stays(prior):
    stay = torch.tensor([0.0, torch.nan])
    tokens = torch.full((2,), 4)
    after, log_p = jump(torch.zeros(2, 4), tokens, stay, prior=prior, seed=0)
    assert after[1] == 4
    assert log_p.isnan().tolist() == [False, True]


@pytest.mark.parametrize("backend", ["cpu", "reference", "auto"])
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
@pytest.mark.parametrize("shape", [(), (0,), (7,), (2, 3), (2, 0, 3), (2, 1, 3, 2)])
def test_shapes_and_types_of_the_answers(backend, dtype, shape):
    tokens = torch.full(shape, 5)
    after, log_p = jump(torch.zeros(*shape, 5, dtype=dtype), tokens, 0.5, seed=0, backend=backend)
    assert after.shape == log_p.shape == shape
    assert after.dtype == torch.int64
    wanted = torch.float64 if dtype == torch.float64 else torch.float32
    assert log_p.dtype == wanted
    scored = log_prob(torch.zeros(*shape, 5, dtype=dtype), tokens, after, 0.5, backend=backend)
    assert scored.dtype == wanted


@PRIORS
def test_half_precision_is_its_own_numbers_in_float32(prior):
    logits, tokens = torch.randn(50, 1300).bfloat16(), torch.randint(0, 1301, (50,))
    half = jump(logits, tokens, 0.3, prior=prior, seed=3)
    single = jump(logits.float(), tokens, 0.3, prior=prior, seed=3)
    assert all(torch.equal(a, b) for a, b in zip(half, single, strict=True))


def test_a_step_is_a_stay_probability():
    logits, tokens = torch.randn(6, 9), torch.full((6,), 9)
    wanted = jump(logits, tokens, 0.75, seed=1)
    for step, time in [
        (0.125, 0.5),
        (torch.tensor(0.125), 0.5),
        (0.125, torch.full((6,), 0.5)),
        (torch.full((1,), 0.125), torch.tensor(0.5, dtype=torch.float64)),
    ]:
        again = jump(logits, tokens, step=step, time=time, seed=1)
        assert all(torch.equal(a, b) for a, b in zip(again, wanted, strict=True))


@pytest.mark.parametrize("steps", [1, 3, 7, 10, 49, 1000])
@pytest.mark.parametrize("dtype", [None, torch.float32, torch.float64])
def test_the_last_step_leaves_no_mask(steps, dtype):
    """1 - (K - 1) / K is not 1 / K in floating numbers."""
    step, time = 1 / steps, (steps - 1) / steps
    if dtype is not None:
        step, time = torch.tensor(step, dtype=dtype), torch.tensor(time, dtype=dtype)
    logits, tokens = torch.zeros(3, 2), torch.full((3,), 2)
    after, log_p = jump(logits, tokens, step=step, time=time, seed=1)
    assert (after < 2).all()
    assert log_p.tolist() == pytest.approx([math.log(0.5)] * 3)
    assert log_prob(logits, tokens, tokens, step=step, time=time).tolist() == [-math.inf] * 3


def test_probabilities_spread_over_the_tokens():
    logits, tokens = torch.randn(2, 3, 5), torch.full((2, 3), 5)
    stay = torch.tensor([[0.0], [1.0]])
    after, log_p = jump(logits, tokens, stay, seed=0)
    assert (after[0] < 5).all()
    assert (after[1] == 5).all()
    assert log_p[1].tolist() == [0.0] * 3


def test_any_number_beyond_the_vocabulary_can_be_the_mask():
    logits, tokens = torch.randn(3, 5), torch.tensor([5, 8, 2])
    after, log_p = jump(logits, tokens, 0.0, mask=8, seed=0)
    assert after[0] == 5
    assert after[1] < 5
    assert after[2] == 2
    assert log_p[[0, 2]].tolist() == [0.0, 0.0]


def test_a_jump_carries_no_gradient_and_changes_no_input():
    logits = torch.randn(4, 5, requires_grad=True)
    tokens = torch.full((4,), 5)
    before = logits.detach().clone(), tokens.clone()
    _, log_p = jump(logits, tokens, 0.5, seed=0)
    assert not log_p.requires_grad
    assert torch.equal(logits, before[0])
    assert torch.equal(tokens, before[1])


@PRIORS
def test_the_custom_operators_keep_their_contract(prior):
    mask = 700 if prior == "masked" else -1
    logits, tokens = torch.randn(6, 700), torch.tensor([700, 0, 700, 5, 700, 699])
    for stay in (torch.tensor([0.5]), torch.rand(6)):
        both = stay, 1 - stay
        torch.library.opcheck(OPERATORS.jump, (logits, tokens, *both, mask, 3, 10))
        after = cpu.jump(logits, tokens, *both, mask, 3, 10)[0]
        leaf = logits.clone().requires_grad_()
        torch.library.opcheck(OPERATORS.jump_log_prob, (leaf, tokens, after, *both, mask))
        torch.library.opcheck(
            OPERATORS.jump_log_prob_backward, (torch.rand(6), logits, tokens, after, *both, mask)
        )


@pytest.mark.usefixtures("as_reader")
@pytest.mark.parametrize("given", ["number", "tensor", "time"])
def test_a_sampler_around_it_compiles_whole_and_once(given):
    """Seeds and offsets that change from step to step make no new graph."""
    graphs = []

    def backend(graph, inputs):
        graphs.append(graph)
        return graph.forward

    def step(x, tokens, when, seed, offset):
        how = {
            "number": {"stay_probability": 0.5},
            "tensor": {"stay_probability": 1 - when},
            "time": {"step": 0.1, "time": when},
        }[given]
        after, log_p = jump(x.tanh(), tokens, **how, seed=seed, offset=offset)
        return after, log_p + log_prob(x.tanh(), tokens, after, **how)

    x, tokens = torch.randn(4, 3, 600), torch.full((4, 3), 600)
    compiled = torch.compile(step, fullgraph=True, backend=backend)
    for turn in range(6):
        when = torch.full((4, 1), turn / 10)
        arguments = x, tokens, when, 100 + turn, 12 * turn + 5
        wanted = step(*arguments)
        again = compiled(*arguments)
        assert all(torch.equal(a, b) for a, b in zip(again, wanted, strict=True))
    assert len(graphs) <= 2


@pytest.mark.usefixtures("as_reader")
def test_gradients_pass_through_a_compiled_score():
    x, tokens = torch.randn(4, 600, requires_grad=True), torch.full((4,), 600)
    after = torch.arange(4)

    def score(x):
        return log_prob(x.tanh(), tokens, after, 0.5).sum()

    whole = torch.compile(score, fullgraph=True, backend="aot_eager")
    one, two = (torch.autograd.grad(run(x), x)[0] for run in (whole, score))
    torch.testing.assert_close(one, two)
