"""The layers of a compiled network, and how the layers of a ReLU network become these."""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from softbook.relu_softmax.model.heads import relu_head
from softbook.relu_softmax.theory.checks import count, positive

ALLOWED = "Linear, ReLU, Flatten, Identity, Dropout (in eval mode) and Sequential"
LEAVES = (nn.Linear, nn.ReLU, nn.Flatten, nn.Identity, nn.Dropout)


class AttentionReLU(nn.Module):
    """One attention layer: a two-key head with its own sink for each hidden unit.

    Parameters
    ----------
    width
        Number of heads, at least 1.
    beta
        Sharpness β > 0.

    >>> AttentionReLU(2, beta=200.0)(torch.tensor([[-1.0, 2.0]]))
    tensor([[0., 2.]])
    """

    def __init__(self, width: int, beta: float) -> None:
        super().__init__()
        self.width, self.beta = count("width", width), positive("beta", beta)

    def forward(self, z: Float[Tensor, "*batch width"]) -> Float[Tensor, "*batch width"]:
        """Return z σ(βz) entrywise, by attention."""
        return relu_head(z, self.beta)

    def extra_repr(self) -> str:
        """Say the size in `repr`."""
        return f"heads={self.width}, beta={self.beta:g}"


def describe(stage: nn.Module) -> dict[str, Any]:
    """Return a JSON object from which `build` makes a layer of the same kind and size.

    >>> describe(nn.Linear(3, 2))
    {'kind': 'linear', 'in': 3, 'out': 2, 'bias': True}
    """
    if isinstance(stage, nn.Linear):
        bias = stage.bias is not None
        return {"kind": "linear", "in": stage.in_features, "out": stage.out_features, "bias": bias}
    if isinstance(stage, AttentionReLU):
        return {"kind": "attention", "width": stage.width}
    if isinstance(stage, nn.Flatten):
        return {"kind": "flatten", "start": stage.start_dim, "end": stage.end_dim}
    raise TypeError(f"stage: {type(stage).__name__} is given, but it is no layer of this format")


def build(entry: dict[str, Any], beta: float, dtype: torch.dtype) -> nn.Module:
    """Return the layer that `describe` described; weights are not filled.

    Raises a ValueError if the kind is unknown, a field is missing or a size is no positive integer.

    >>> build({"kind": "attention", "width": 4}, 10.0, torch.float32)
    AttentionReLU(heads=4, beta=10)
    """
    fields = {
        "linear": {"in", "out", "bias"},
        "attention": {"width"},
        "flatten": {"start", "end"},
    }
    kind = entry.get("kind") if isinstance(entry, dict) else None
    if kind not in fields or set(entry) != {"kind"} | fields[kind]:
        raise ValueError(f"stages: {entry!r} is given, but it describes no layer of this format")
    if kind == "linear":
        if not isinstance(entry["bias"], bool):
            raise TypeError(f"bias: {entry['bias']!r} is given, but true or false is needed")
        sizes = count("in", entry["in"]), count("out", entry["out"])
        return nn.Linear(*sizes, bias=entry["bias"], dtype=dtype)
    if kind == "attention":
        return AttentionReLU(entry["width"], beta)
    return nn.Flatten(*(count(end, entry[end], -1024) for end in ("start", "end")))


def flat(module: nn.Module, place: str) -> list[tuple[str, nn.Module]]:
    """List the layers of nested Sequentials that matter, with the place at which each stands.

    Raises a TypeError or ValueError that names the place of a layer that cannot be compiled.

    >>> [place for place, _ in flat(nn.Sequential(nn.Identity(), nn.Sequential(nn.ReLU())), "network")]
    ['network[1][0]']
    """
    kind = type(module)
    sequential = isinstance(module, nn.Sequential) and kind.forward is nn.Sequential.forward
    if not sequential and kind not in LEAVES:
        raise TypeError(f"{place}: {kind.__name__} is given, but only {ALLOWED} can be compiled")
    if module._forward_hooks or module._forward_pre_hooks:
        raise ValueError(
            f"{place}: {kind.__name__} has forward hooks, which cannot be compiled; remove them first"
        )
    if isinstance(module, nn.Sequential):
        return [pair for k, child in enumerate(module) for pair in flat(child, f"{place}[{k}]")]
    if isinstance(module, nn.Dropout) and module.training and module.p > 0:
        raise ValueError(f"{place}: Dropout in training mode is random; call network.eval() first")
    return [] if kind in (nn.Identity, nn.Dropout) else [(place, module)]


def common_dtype(layers: list[nn.Linear]) -> torch.dtype:
    """Return the dtype of all weights and biases; a TypeError unless it is float32 or float64 throughout.

    >>> common_dtype([nn.Linear(2, 3)])
    torch.float32
    """
    dtypes = {parameter.dtype for layer in layers for parameter in layer.parameters()}
    if len(dtypes) > 1 or not dtypes <= {torch.float32, torch.float64}:
        names = ", ".join(sorted(map(str, dtypes)))
        raise TypeError(f"network: {names} is given, but float32 or float64 throughout is needed")
    return dtypes.pop()


def translated(layers: list[tuple[str, nn.Module]], beta: float) -> list[nn.Module]:
    """Return copies of Linear and Flatten layers, and an attention layer for each ReLU.

    Raises a ValueError that names the place where the number of features does not fit.

    >>> translated([("a", nn.Linear(3, 5)), ("b", nn.ReLU())], 10.0)[1].width
    5
    """
    linear = [layer for _, layer in layers if isinstance(layer, nn.Linear)]
    for place, layer in layers:
        if isinstance(layer, nn.Linear) and 0 in (layer.in_features, layer.out_features):
            raise ValueError(f"{place}: {layer} has no features, but at least one is needed")
    width, several = linear[0].in_features, False
    stages: list[nn.Module] = []
    for place, layer in layers:
        if isinstance(layer, nn.Linear):
            # A Flatten may have put several positions of that width side by side.
            fits = layer.in_features % width == 0 if several else layer.in_features == width
            if not fits:
                raise ValueError(f"{place}: takes {layer.in_features} features, but {width} arrive")
            stages.append(_copied(layer))
            width, several = layer.out_features, False
        elif isinstance(layer, nn.ReLU):
            stages.append(AttentionReLU(width, beta))
        elif isinstance(layer, nn.Flatten):
            stages.append(nn.Flatten(layer.start_dim, layer.end_dim))
            several = True
    return stages


def _copied(layer: nn.Linear) -> nn.Linear:
    copy = nn.Linear(
        layer.in_features,
        layer.out_features,
        bias=layer.bias is not None,
        dtype=layer.weight.dtype,
        device=layer.weight.device,
    )
    copy.load_state_dict(layer.state_dict())
    return copy
