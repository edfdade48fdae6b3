"""Checkpoints: one safetensors file with all tensors, its header with all that JSON can hold.

No pickle is read or written. A file appears whole or not at all, so a kill at any moment leaves the
checkpoint before it or the one after it.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

__all__ = [
    "digest_of",
    "read_checkpoint",
    "restore",
    "same_settings",
    "tensors_of",
    "write_checkpoint",
]

FORMAT = "softbook.finetune.1"
MODEL, OPTIMISER = "model", "optimiser"


def write_checkpoint(
    file: str | os.PathLike[str], tensors: Mapping[str, Tensor], state: Mapping[str, Any]
) -> None:
    """Write tensors and JSON-ready `state` into one safetensors file, in place of an older one.

    Tensors may be of any shape, dtype and device; folders on the way are made.

    Raises
    ------
    ValueError
        If `state` is not what JSON holds (NaN and infinity belong into tensors).
    OSError
        If the file cannot be written.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_checkpoint(f"{folder}/one.safetensors", {"a": torch.ones(2)}, {"done": 3})
    ...     read_checkpoint(f"{folder}/one.safetensors")
    ({'a': tensor([1., 1.])}, {'done': 3})
    """
    file = Path(file)
    try:
        text = json.dumps(dict(state), allow_nan=False)
    except (TypeError, ValueError) as error:
        raise ValueError(f"state: JSON cannot hold it ({error})") from error
    # Tied weights share memory, which the format refuses; copies do not.
    kept = {name: one.detach().cpu().contiguous().clone() for name, one in tensors.items()}
    file.parent.mkdir(parents=True, exist_ok=True)
    part = file.with_name(f"{file.name}.part")
    try:
        save_file(kept, part, metadata={"format": FORMAT, "state": text})
    except SafetensorError as error:
        raise OSError(f"file: {file} cannot be written ({error})") from error
    os.replace(part, file)


def read_checkpoint(file: str | os.PathLike[str]) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Return (tensors, state) as `write_checkpoint` got them, on the CPU.

    Raises a ValueError that says what is wrong if the file is not such a checkpoint, a
    FileNotFoundError if there is none.
    """
    try:
        with safe_open(os.fspath(file), framework="pt") as stored:
            header = stored.metadata() or {}
            tensors = {name: stored.get_tensor(name) for name in stored.keys()}  # noqa: SIM118
    except SafetensorError as error:
        raise ValueError(f"file: {file} is not a whole safetensors file ({error})") from error
    if header.get("format") != FORMAT:
        given = header.get("format", "no format")
        raise ValueError(f"file: {file} holds {given}, but {FORMAT} is needed")
    try:
        state = json.loads(header.get("state", ""))
    except ValueError as error:
        raise ValueError(f"file: the state in {file} is damaged ({error})") from error
    return tensors, state


def same_settings(
    file: str | os.PathLike[str], found: Mapping[str, Any], wanted: Mapping[str, Any]
) -> None:
    """Raise a ValueError naming each setting in which a checkpoint differs from what is wanted.

    >>> same_settings("one.safetensors", {"seed": 0, "batch": 8}, {"seed": 1, "batch": 8})
    Traceback (most recent call last):
    ...
    ValueError: checkpoint: one.safetensors was begun with seed = 0, but 1 is given; give the same or another file
    """
    differ = [
        f"{name} = {found.get(name)!r}, but {wanted.get(name)!r} is given"
        for name in sorted({*found, *wanted})
        if found.get(name) != wanted.get(name)
    ]
    if differ:
        raise ValueError(
            f"checkpoint: {file} was begun with {'; '.join(differ)}; give the same or another file"
        )


def digest_of(model: object) -> str | None:
    """Return a short SHA-256 of a module's names, shapes, dtypes and weights; None if it has none.

    >>> digest_of(nn.Identity()) is None, digest_of(len) is None, len(digest_of(nn.Linear(1, 1)))
    (True, True, 16)
    """
    entries = model.state_dict() if isinstance(model, nn.Module) else {}
    if not entries:
        return None
    found = hashlib.sha256()
    for name, one in entries.items():
        found.update(f"{name}|{tuple(one.shape)}|{one.dtype}|".encode())
        found.update(one.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes())
    return found.hexdigest()[:16]


def tensors_of(model: nn.Module, optimiser: torch.optim.Optimizer) -> dict[str, Tensor]:
    """Return weights, buffers and the optimiser's tensors by names that `restore` knows.

    >>> line = nn.Linear(1, 1)
    >>> sorted(tensors_of(line, torch.optim.Adam(line.parameters())))
    ['model:bias', 'model:weight']
    """
    named = {f"{MODEL}:{name}": one for name, one in model.state_dict().items()}
    for name, weight in model.named_parameters():
        for part, one in optimiser.state.get(weight, {}).items():
            named[f"{OPTIMISER}:{part}:{name}"] = one
    return named


@torch.no_grad()
def restore(
    model: nn.Module, optimiser: torch.optim.Optimizer, tensors: Mapping[str, Tensor]
) -> None:
    """Put the tensors of `tensors_of` back into a module and an optimiser of the same build.

    Raises a ValueError naming the weight if the module has others; nothing is changed then.

    >>> line, other = nn.Linear(1, 1), nn.Linear(1, 1)
    >>> tuned = torch.optim.Adam(other.parameters())
    >>> restore(other, tuned, tensors_of(line, torch.optim.Adam(line.parameters())))
    >>> bool(other.weight == line.weight)
    True
    """
    own = model.state_dict()
    found = {
        name.removeprefix(f"{MODEL}:"): one
        for name, one in tensors.items()
        if name.startswith(f"{MODEL}:")
    }
    for name in sorted({*own, *found}):
        if name not in own or name not in found:
            state = "lacks" if name in own else "holds, beyond those of the model,"
            raise ValueError(f"checkpoint: it {state} the weight {name}")
        if own[name].shape != found[name].shape or own[name].dtype != found[name].dtype:
            raise ValueError(
                f"checkpoint: its {name} is {found[name].dtype} of shape {tuple(found[name].shape)},"
                f" but the model's is {own[name].dtype} of shape {tuple(own[name].shape)}"
            )
    model.load_state_dict(found)
    for name, weight in model.named_parameters():
        parts = {
            key.split(":")[1]: one
            for key, one in tensors.items()
            if key.startswith(f"{OPTIMISER}:") and key.split(":", 2)[2] == name
        }
        if parts:
            # The count of steps stays on the CPU, as the optimiser keeps it.
            optimiser.state[weight] = {
                part: one.clone() if part == "step" else one.to(weight.device, copy=True)
                for part, one in parts.items()
            }
        else:
            optimiser.state.pop(weight, None)
