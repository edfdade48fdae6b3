"""Compiled networks in safetensors files: weights as tensors, structure as JSON in the metadata."""

from __future__ import annotations

import json
import os
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from softbook.relu_softmax.model.layers import AttentionReLU, build
from softbook.relu_softmax.theory.checks import positive

FORMAT = "softbook.attention-network.1"


def write_file(
    path: str | os.PathLike[str], structure: dict[str, Any], weights: dict[str, Tensor]
) -> None:
    """Write one file; `structure` is that of `AttentionNetwork.to_dict`.

    The file appears whole or not at all.
    """
    path = os.fspath(path)
    metadata = {"format": FORMAT, "structure": json.dumps(structure)}
    part = f"{path}.part"
    kept = {name: one.contiguous() for name, one in weights.items()}
    try:
        save_file(kept, part, metadata=metadata)
    except SafetensorError as error:
        raise OSError(f"path: {path} cannot be written ({error})") from error
    os.replace(part, path)


def read_file(path: str | os.PathLike[str]) -> tuple[list[nn.Module], float, dict[str, Tensor]]:
    """Return (layers, β, weights); a ValueError says what is wrong with the file."""
    try:
        with safe_open(os.fspath(path), framework="pt") as file:
            metadata = file.metadata() or {}
            weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except SafetensorError as error:
        raise ValueError(f"path: {path} is not a safetensors file ({error})") from error
    if metadata.get("format") != FORMAT:
        given = metadata.get("format", "no format")
        raise ValueError(f"path: {path} holds {given}, but {FORMAT} is needed")
    try:
        stages, beta = _built(json.loads(metadata.get("structure", "")), weights)
    except (ValueError, TypeError, RecursionError) as error:
        raise ValueError(f"path: the structure in {path} is damaged ({error})") from error
    needed = nn.ModuleDict({"stages": nn.ModuleList(stages)}).state_dict()
    for name in sorted(set(needed) | set(weights)):
        if name not in weights or name not in needed:
            state = "lacks" if name not in weights else "holds, beyond its structure,"
            raise ValueError(f"path: {path} {state} the weight {name}")
        if needed[name].shape != weights[name].shape:
            raise ValueError(
                f"path: {name} in {path} has the shape {tuple(weights[name].shape)}, "
                f"but {tuple(needed[name].shape)} is needed"
            )
    return stages, beta, weights


def _built(structure: Any, weights: dict[str, Tensor]) -> tuple[list[nn.Module], float]:
    if not isinstance(structure, dict) or set(structure) != {"beta", "stages"}:
        raise ValueError("beta and stages are needed")
    dtypes = {tensor.dtype for tensor in weights.values()}
    if len(dtypes) != 1 or not dtypes <= {torch.float32, torch.float64}:
        names = ", ".join(sorted(map(str, dtypes))) or "no weights"
        raise ValueError(f"{names} found, but float32 or float64 throughout is needed")
    beta = positive("beta", structure["beta"])
    # Weights are filled later: on the meta device a file cannot ask for more memory than it holds.
    with torch.device("meta"):
        stages = [build(entry, beta, dtypes.copy().pop()) for entry in structure["stages"]]
    width = None
    for stage in stages:
        if isinstance(stage, nn.Linear):
            width = stage.out_features
        elif isinstance(stage, AttentionReLU) and width not in (None, stage.width):
            raise ValueError(f"{stage.width} heads stand behind {width} units")
    return stages, beta
