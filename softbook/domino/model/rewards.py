"""A reader's own reward: asked, and refused with a sentence where it answers nonsense."""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Float64, Int64
from torch import Tensor

__all__ = ["rewards_of"]


@torch.no_grad()
def rewards_of(
    reward: Callable[[Tensor], Tensor], tokens: Int64[Tensor, "n sites"]
) -> Float64[Tensor, " n"]:
    """Return the rewards of sequences in float64, on the device of the tokens.

    `reward` may answer with a tensor of any real dtype and device, an array or a list of numbers.

    Raises
    ------
    TypeError
        If it answers with something that is no row of real numbers.
    ValueError
        If a reward is NaN or infinite, or there is not one for each sequence.

    >>> rewards_of(lambda tokens: tokens.sum(1), torch.tensor([[0, 1], [1, 1]]))
    tensor([1., 2.], dtype=torch.float64)
    >>> rewards_of(lambda tokens: tokens / 0, torch.tensor([[0, 1], [1, 1]]))
    Traceback (most recent call last):
    ...
    ValueError: reward: shape (2, 2) is returned for 2 sequences, but (2,) is needed
    """
    given = reward(tokens)
    try:
        found = given.detach() if isinstance(given, Tensor) else torch.as_tensor(given)
    except (TypeError, ValueError, RuntimeError) as error:
        raise TypeError(
            f"reward: {type(given).__name__} is returned, but a tensor of numbers is needed"
        ) from error
    if found.is_complex():
        raise TypeError(f"reward: {found.dtype} is returned, but real numbers are needed")
    if found.shape != (len(tokens),):
        raise ValueError(
            f"reward: shape {tuple(found.shape)} is returned for {len(tokens)} sequences, "
            f"but ({len(tokens)},) is needed"
        )
    found = found.to(tokens.device, torch.float64)
    if bad := int((~found.isfinite()).sum()):
        first = int((~found.isfinite()).nonzero()[0, 0])
        raise ValueError(
            f"reward: {bad} of {len(tokens)} are not finite (the first is {found[first].item()}, "
            f"of sequence {first}, {tokens[first].tolist()[:12]}), but finite numbers are needed"
        )
    return found
