"""What `jump` and `log_prob` accept: shapes, types and settings, each refused in a sentence."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

BACKENDS = ("auto", "reference", "cpu", "gpu")
FLOATS = (torch.float16, torch.bfloat16, torch.float32, torch.float64)
PRIORS = ("masked", "uniform")
Integer = int | np.integer


def check_logits(logits: Tensor, **tokens: Tensor) -> None:
    """Raise unless logits are floating [..., V] with V >= 1 and each tensor of tokens is int64 [...]."""
    if not isinstance(logits, Tensor):
        raise TypeError(f"logits: {type(logits).__name__} is given, but a tensor is needed")
    if logits.dtype not in FLOATS:
        raise TypeError(f"logits: dtype {logits.dtype} is given, but a floating one is needed")
    if logits.ndim == 0 or logits.shape[-1] == 0:
        raise ValueError(
            f"logits: shape {tuple(logits.shape)} is given, but [..., V] with V >= 1 is needed"
        )
    for name, tensor in tokens.items():
        if not isinstance(tensor, Tensor):
            raise TypeError(f"{name}: {type(tensor).__name__} is given, but a tensor is needed")
        if tensor.dtype != torch.int64:
            raise TypeError(f"{name}: dtype {tensor.dtype} is given, but torch.int64 is needed")
        if tensor.shape != logits.shape[:-1]:
            raise ValueError(
                f"{name}: shape {tuple(tensor.shape)} is given, but that of the logits without their "
                f"last axis, {tuple(logits.shape[:-1])}, is needed"
            )
        if tensor.device != logits.device:
            raise ValueError(
                f"{name}: device {tensor.device} is given, but the logits are on {logits.device}"
            )
        if _readable(tensor) and bool((tensor < 0).any()):
            raise ValueError(f"{name}: {int(tensor.min())} is given, but at least 0 is needed")


def check_settings(prior: str, mask: Integer | None, backend: str, logits: Tensor) -> int:
    """Return the mask's number, -1 for the uniform prior; raise where a setting has no meaning."""
    if prior not in PRIORS:
        raise ValueError(f"prior: {prior!r} is given, but one of {', '.join(PRIORS)} is needed")
    if backend not in BACKENDS:
        raise ValueError(
            f"backend: {backend!r} is given, but one of {', '.join(BACKENDS)} is needed"
        )
    device = logits.device.type
    if (backend, device) in (("gpu", "cpu"), ("cpu", "cuda")):
        raise ValueError(f"backend: {backend!r} is given, but the tensors are on {device!r}")
    if prior == "uniform":
        if mask is not None:
            raise ValueError(f"mask: {mask} is given, but the uniform prior needs None")
        return -1
    if mask is None:
        return logits.shape[-1]
    return check_count("mask", mask, logits.shape[-1])


def check_count(name: str, value: Integer, least: int) -> int:
    """Return the value as an int; raise unless it is an integer of at least `least` in 64 bits.

    >>> import numpy as np
    >>> check_count("seed", np.int64(3), 0)
    3
    """
    # An int is left as it is: one that torch.compile keeps open would be fixed by a conversion.
    if isinstance(value, np.integer):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{name}: {type(value).__name__} is given, but an integer is needed")
    if value < least:
        raise ValueError(f"{name}: {value} is given, but at least {least} is needed")
    if value >= 2**63:
        raise ValueError(f"{name}: {value} is given, but less than 2^63 is needed")
    return value


def chances(
    stay_probability: Tensor | float | None,
    step: Tensor | float | None,
    time: Tensor | float | None,
    tokens: Tensor,
    dtype: torch.dtype,
) -> tuple[Tensor, Tensor]:
    """Return the probabilities to stay and to jump, [1] for one number and [n] for a tensor."""
    if (stay_probability is None) == (step is None) or (step is None) != (time is None):
        given = {"stay_probability": stay_probability, "step": step, "time": time}
        named = [name for name, value in given.items() if value is not None]
        raise ValueError(
            f"stay_probability: {' and '.join(named) or 'nothing'} is given, but either "
            "stay_probability or both step and time are needed"
        )
    if stay_probability is not None:
        _check_chance("stay_probability", stay_probability, tokens)
        if bool(_outside(stay_probability, 0, 1)):
            raise ValueError(
                f"stay_probability: {_worst(stay_probability)} is given, but numbers from 0 to 1 are "
                "needed"
            )
        stay = _double(stay_probability, tokens)
        jump = 1 - stay
    else:
        assert step is not None
        assert time is not None
        jump = _jump_probability(step, time, tokens)
        stay = 1 - jump
    return _rows(stay, tokens, dtype), _rows(jump, tokens, dtype)


def _jump_probability(step: Tensor | float, time: Tensor | float, tokens: Tensor) -> Tensor:
    """Return step / (1 - time), and exactly 1 for a step that reaches the end within rounding."""
    for name, value in (("step", step), ("time", time)):
        _check_chance(name, value, tokens)
        if bool(_outside(value, 0, 1)):
            raise ValueError(
                f"{name}: {_worst(value)} is given, but numbers from 0 to 1 are needed"
            )
    if bool(_at_one(time)):
        raise ValueError("time: 1 is given, but less than 1 is needed: no step starts at the end")
    coarse = [torch.finfo(x.dtype).eps for x in (step, time) if isinstance(x, Tensor)]
    slack = 4 * max(coarse, default=torch.finfo(torch.float64).eps)
    end = step + time
    if bool(_outside(end, 0, 1 + slack)):
        raise ValueError(
            f"step: the end of the step, {_worst(end)}, is given, but step + time of at most 1 is "
            "needed"
        )
    whole, reached = _double(step, tokens), _double(end, tokens)
    left = 1 - _double(time, tokens)
    return torch.where(reached >= 1 - slack, torch.ones_like(left), whole / left)


def _check_chance(name: str, value: Tensor | float, tokens: Tensor) -> None:
    if isinstance(value, Tensor):
        if value.dtype not in FLOATS:
            raise TypeError(f"{name}: dtype {value.dtype} is given, but a floating one is needed")
        if value.device != tokens.device:
            raise ValueError(
                f"{name}: device {value.device} is given, but the tokens are on {tokens.device}"
            )
        shape, wanted = tuple(value.shape), tuple(tokens.shape)
        fits = len(shape) <= len(wanted) and all(
            a in (1, b) for a, b in zip(reversed(shape), reversed(wanted), strict=False)
        )
        if not fits:
            raise ValueError(
                f"{name}: shape {shape} is given, but one that spreads over the tokens, {wanted}, is "
                "needed"
            )
    elif isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(
            f"{name}: {type(value).__name__} is given, but a number or a tensor is needed"
        )
    elif math.isnan(value):
        raise ValueError(f"{name}: nan is given, but a number is needed")


def _readable(tensor: Tensor) -> bool:
    """Return whether looking at the values costs no wait for a GPU and breaks no graph."""
    return tensor.device.type == "cpu" and not torch.compiler.is_compiling()


def _outside(value: Tensor | float, low: float, high: float) -> bool:
    if isinstance(value, Tensor):
        return _readable(value) and bool(((value < low) | (value > high)).any())
    return not low <= value <= high


def _at_one(time: Tensor | float) -> bool:
    if isinstance(time, Tensor):
        return _readable(time) and bool((time == 1).any())
    return time == 1


def _worst(value: Tensor | float) -> float:
    """Return the entry that lies farthest from the middle of [0, 1]."""
    if isinstance(value, Tensor):
        flat = value.double().flatten()
        return float(flat[(flat - 0.5).abs().nan_to_num(-1).argmax()])
    return value


def _double(value: Tensor | float, tokens: Tensor) -> Tensor:
    if isinstance(value, Tensor):
        return value.double()
    return torch.full((), value, dtype=torch.float64, device=tokens.device)


def _rows(value: Tensor, tokens: Tensor, dtype: torch.dtype) -> Tensor:
    """Return one number, or one a row."""
    if value.numel() == 1:
        return value.reshape(1).to(dtype)
    return value.expand(tokens.shape).reshape(-1).to(dtype)
