"""Triton kernels of the jump: which rows are read, the sums of their tiles, and the draw.

Triton is imported when a function here is called, so that a machine without it can import this
package.
"""

from __future__ import annotations

from torch import Tensor

MOST_TOKENS = 2**22
"""The tiles' sums of a row are held by one program."""


def _launcher():
    """Return the module that launches, or say plainly that Triton is missing."""
    try:
        import triton  # noqa: F401
    except ImportError as error:
        raise RuntimeError(
            "the backend 'gpu' of jump needs Triton, which is not installed; "
            "install triton or use the backend 'cpu'"
        ) from error
    from softbook.kernels.jump.gpu import launch

    return launch


def jump(
    logits: Tensor,
    tokens: Tensor,
    stay: Tensor,
    jump: Tensor,
    mask: int,
    seed: int,
    offset: int,
) -> tuple[Tensor, Tensor]:
    """Return the next tokens ``[n]`` and their log probabilities in float32, as `cpu.jump` does.

    A row that is read and has no finite largest logit keeps its token, with the logarithm NaN. Raises
    RuntimeError without Triton.

    >>> jump.__module__
    'softbook.kernels.jump.gpu'
    """
    return _launcher().jump(logits, tokens, stay, jump, mask, seed, offset)


def log_prob(
    logits: Tensor, before: Tensor, after: Tensor, stay: Tensor, jump: Tensor, mask: int
) -> Tensor:
    """Return the log probabilities ``[n]`` in float32, as `cpu.log_prob` does; errors as in `jump`.

    >>> log_prob.__module__
    'softbook.kernels.jump.gpu'
    """
    return _launcher().log_prob(logits, before, after, stay, jump, mask)
