"""`jump`, `log_prob` and the custom operators behind them, for torch.compile and autograd."""

from __future__ import annotations

from importlib.util import find_spec

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from softbook.kernels.jump import cpu, gpu, reference
from softbook.kernels.jump.arguments import (
    Integer,
    chances,
    check_count,
    check_logits,
    check_settings,
)

__all__ = ["jump", "log_prob"]

Chance = Float[Tensor, "..."] | float | None


def jump(
    logits: Float[Tensor, "*rows V"],
    tokens: Int64[Tensor, "*rows"],
    stay_probability: Chance = None,
    *,
    step: Chance = None,
    time: Chance = None,
    prior: str = "masked",
    mask: Integer | None = None,
    seed: Integer,
    offset: Integer = 0,
    backend: str = "auto",
) -> tuple[Int64[Tensor, "*rows"], Float[Tensor, "*rows"]]:
    """Move each site by one step of a discrete-diffusion sampler; return tokens and their log law.

    Sites move independently, each with the posterior p = softmax(logits) of its own row. On the
    mixture path, with the flow time t from 0 (noise) to 1 (data), a site has the rates
    (p - delta_current) / (1 - t): at rate 1 / (1 - t) it is drawn anew from p. With p held during
    the step, that happens at least once with probability J = step / (1 - time), exactly:

    * masked prior: a site at the mask opens with probability J and takes a token drawn from p; else
      it stays at the mask. A site at any other token stays, whatever it is.
    * uniform prior: a site draws anew from p with probability J, and the draw may be its current
      token. So it goes to a token a other than the current one with probability J p(a), and stays
      with 1 - J + J p(current). p is 0 at a current token V or beyond, noise that no datum uses.

    The log law of the token that is returned is that of this step: log(1 - J), log J + log p(a),
    log(1 - J + J p(current)), or 0 for a site that cannot move.

    Parameters
    ----------
    logits
        float16, bfloat16, float32 or float64; -inf for a token of probability 0. Slices of a longer
        last axis are read in place. A GPU reads 16 bytes at a time where 16 divides the distance
        between rows, and one logit elsewhere: make such logits longer, and hand over a slice.
    tokens
        The sites' current tokens, at least 0.
    stay_probability
        1 - J, from 0 to 1: a number, or a tensor that spreads over the tokens.
    step, time
        In its place: J = step / (1 - time), exactly 1 where time + step reaches 1 within rounding.
        time in [0, 1), step in [0, 1 - time].
    prior
        "masked" or "uniform".
    mask
        The mask's number, at least V; V when None. For the masked prior only.
    seed, offset
        Integers, numpy's too, from 0 to 2^63 - 1. Row r, counted in C order, draws by the numbers of row
        offset + r: moving the offset by the count of rows gives the next step fresh numbers.
    backend
        "reference" is the float64 definition; "cpu" torch, a block of the vocabulary at a time;
        "gpu" the Triton kernels; "auto" goes by the tensors' device.

    Returns
    -------
    The next tokens, and the logarithms of their probabilities in float32 (float64 for float64
    logits), which carry no gradient: `log_prob` does.

    Raises
    ------
    TypeError, ValueError
        Where an argument has no meaning, by name; values of tensors are looked at on a processor
        and outside torch.compile. A row that is read and has no finite largest logit (all -inf, or
        a +inf) is an error in "cpu"; elsewhere it keeps its token, with the logarithm NaN, since
        looking would wait for the GPU. A NaN in a row that is read does the same in all.

    The draw. A jump draws a tile of 512 tokens by the largest of log(sum of exp(logits)) + Gumbel
    noise, then a token of it by the largest of logit + Gumbel noise: exact, with few random
    numbers. The tile is a part of the definition; how rows and tiles are spread over blocks,
    programs or threads is not, and changes no bit. Forms for a processor and a GPU differ in the last
    digits of exp and log, so a draw may differ where two candidates tie within rounding, in about
    one of a million (none of 2.4 million differed between float32 and float64). Probabilities are
    right to about 10^-6 of themselves; below 2^-32 of their tile they come in steps of that size. A
    token of probability 0 is never drawn.

    O(V) a row that is read, one pass, without a table of probabilities. A row is not read where the
    answer does not depend on it: under the masked prior, one that does not open.

    Source: the sampler of Campbell et al. (2024) and Gat et al. (2024); the maximum of Gumbel
    variables by Maddison, Tarlow and Minka (2014).

    Examples
    --------
    >>> logits = torch.tensor([[0.0, 0.0], [0.0, -torch.inf]])
    >>> tokens, log_p = jump(logits, torch.tensor([2, 2]), step=0.5, time=0.5, seed=1)
    >>> tokens.tolist(), log_p.exp().tolist()
    ([0, 0], [0.5, 1.0])
    """
    check_logits(logits, tokens=tokens)
    number = check_settings(prior, mask, backend, logits)
    seed, offset = check_count("seed", seed, 0), check_count("offset", offset, 0)
    stay, leap = chances(stay_probability, step, time, tokens, cpu.work_dtype(logits))
    rows, sites = logits.detach().reshape(-1, logits.shape[-1]), tokens.reshape(-1)
    if backend == "gpu":
        _need_triton(rows)
    if backend == "reference":
        run = reference.jump
    else:
        run = torch.ops.softbook.jump
    after, log_p = run(rows, sites, stay, leap, number, seed, offset)
    return after.view(tokens.shape), log_p.to(stay.dtype).view(tokens.shape)


def log_prob(
    logits: Float[Tensor, "*rows V"],
    tokens_from: Int64[Tensor, "*rows"],
    tokens_to: Int64[Tensor, "*rows"],
    stay_probability: Chance = None,
    *,
    step: Chance = None,
    time: Chance = None,
    prior: str = "masked",
    mask: Integer | None = None,
    backend: str = "auto",
) -> Float[Tensor, "*rows"]:
    """Return the logarithm of the probability that `jump` goes from one token to another.

    Arguments, types and errors are those of `jump`. A step that cannot happen has -inf. The result
    has a gradient by the logits, w (one-hot(to) - p), with w = 1 where the token came from the
    posterior alone, J p / (1 - J + J p) where it may also have stayed, 0 where the logits do not
    matter; probabilities and times have none. O(V) a row that is read.

    >>> logits = torch.zeros(3, 4, requires_grad=True)
    >>> before, after = torch.tensor([4, 4, 1]), torch.tensor([0, 4, 1])
    >>> log_p = log_prob(logits, before, after, 0.5)
    >>> log_p.exp().tolist()
    [0.125, 0.5, 1.0]
    >>> torch.autograd.grad(log_p.sum(), logits)[0][0].tolist()
    [0.75, -0.25, -0.25, -0.25]
    """
    check_logits(logits, tokens_from=tokens_from, tokens_to=tokens_to)
    number = check_settings(prior, mask, backend, logits)
    stay, leap = chances(stay_probability, step, time, tokens_from, cpu.work_dtype(logits))
    rows = logits.reshape(-1, logits.shape[-1])
    before, after = tokens_from.reshape(-1), tokens_to.reshape(-1)
    if backend == "gpu":
        _need_triton(rows)
    call = reference.log_prob if backend == "reference" else torch.ops.softbook.jump_log_prob
    return call(rows, before, after, stay, leap, number).to(stay.dtype).view(tokens_from.shape)


def _why_not_triton(logits: Tensor) -> str | None:
    """Return why the Triton kernels do not take these logits, or None where they do."""
    if find_spec("triton") is None:
        return "Triton is not installed"
    if logits.dtype == torch.float64:
        return "the Triton kernels have no float64"
    if logits.shape[1] > gpu.MOST_TOKENS:
        return f"the Triton kernels take at most {gpu.MOST_TOKENS} tokens"
    return None


def _need_triton(logits: Tensor) -> None:
    if missing := _why_not_triton(logits):
        raise NotImplementedError(
            f"backend: 'gpu' is given, but {missing}; 'auto' takes torch there"
        )


def _run_gradient(
    slope: Tensor,
    logits: Tensor,
    before: Tensor,
    after: Tensor,
    stay: Tensor,
    jump: Tensor,
    mask: int,
) -> Tensor:
    return cpu.gradient(slope, logits, before, after, stay, jump, mask)


_CHANCES = "Tensor stay, Tensor jump, SymInt mask"
_jump = torch.library.custom_op(
    "softbook::jump",
    cpu.jump,
    mutates_args=(),
    schema=f"(Tensor logits, Tensor tokens, {_CHANCES}, SymInt seed, SymInt offset)"
    " -> (Tensor, Tensor)",
)
_log_prob = torch.library.custom_op(
    "softbook::jump_log_prob",
    cpu.log_prob,
    mutates_args=(),
    schema=f"(Tensor logits, Tensor before, Tensor after, {_CHANCES}) -> Tensor",
)
_gradient = torch.library.custom_op(
    "softbook::jump_log_prob_backward",
    _run_gradient,
    mutates_args=(),
    schema=f"(Tensor slope, Tensor logits, Tensor before, Tensor after, {_CHANCES}) -> Tensor",
)


@_jump.register_kernel("cuda")
def _(logits, tokens, stay, jump, mask, seed, offset):
    run = cpu.jump if _why_not_triton(logits) else gpu.jump
    return run(logits, tokens, stay, jump, mask, seed, offset)


@_log_prob.register_kernel("cuda")
def _(logits, before, after, stay, jump, mask):
    run = cpu.log_prob if _why_not_triton(logits) else gpu.log_prob
    return run(logits, before, after, stay, jump, mask)


@_jump.register_fake
def _(logits, tokens, stay, jump, mask, seed, offset):
    return torch.empty_like(tokens), stay.new_empty(tokens.shape)


@_log_prob.register_fake
def _(logits, before, after, stay, jump, mask):
    return stay.new_empty(before.shape)


@_gradient.register_fake
def _(slope, logits, before, after, stay, jump, mask):
    return torch.empty_like(logits)


def _save(ctx, inputs, output):
    *tensors, ctx.mask = inputs
    ctx.save_for_backward(*tensors)


def _gradients(ctx, slope):
    grad = torch.ops.softbook.jump_log_prob_backward(slope, *ctx.saved_tensors, ctx.mask)
    return grad, None, None, None, None, None


torch.library.register_autograd("softbook::jump_log_prob", _gradients, setup_context=_save)
