"""A ReLU network as attention layers, with a certificate for each input (theorems T2, T3, T3').

Glossary: a = activations, z = pre-activations, e = certified error so far, p = its bound before the
heads, u = unit round-off, n = fan-in.
"""

from __future__ import annotations

import json
import os
from typing import Any

import torch
from jaxtyping import Float
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from softbook.relu_softmax.model.bounds import PropagatedError
from softbook.relu_softmax.model.heads import relu_head
from softbook.relu_softmax.theory.checks import positive

ALLOWED = "Linear, ReLU, Flatten, Identity, Dropout (in eval mode) and Sequential"
FORMAT = "softbook.attention-network.1"


class AttentionReLU(nn.Module):
    """One attention layer: a two-key head with its own null key for each hidden unit.

    >>> AttentionReLU(2, beta=200.0)(torch.tensor([[-1.0, 2.0]]))
    tensor([[0., 2.]])
    """

    def __init__(self, width: int, beta: float) -> None:
        super().__init__()
        self.width, self.beta = width, positive("beta", beta)

    def forward(self, z: Float[Tensor, "*batch width"]) -> Float[Tensor, "*batch width"]:
        """Return z σ(βz) entrywise, by attention."""
        return relu_head(z, self.beta)

    def extra_repr(self) -> str:
        """Say the size in `repr`."""
        return f"heads={self.width}, beta={self.beta:g}"


class AttentionNetwork(nn.Module):
    """A compiled network: linear maps and attention layers, nothing else.

    Made by `compile_network`; takes the same inputs as the network that it was made from.

    Attributes
    ----------
    stages
        The layers in order.
    beta
        Sharpness β of all heads.
    """

    def __init__(self, stages: list[nn.Module], beta: float) -> None:
        super().__init__()
        self.stages = nn.ModuleList(stages)
        self.beta = positive("beta", beta)

    @property
    def heads(self) -> int:
        """The number of two-key heads in all layers: one a hidden unit."""
        return sum(stage.width for stage in self.stages if isinstance(stage, AttentionReLU))

    @property
    def layers(self) -> int:
        """The number of attention layers."""
        return sum(isinstance(stage, AttentionReLU) for stage in self.stages)

    @property
    def parameter_count(self) -> int:
        """The number of weights and biases: those of the ReLU network."""
        return sum(parameter.numel() for parameter in self.parameters())

    def forward(self, x: Float[Tensor, batch * features]) -> Float[Tensor, batch * outputs]:
        """Return the compiled network's outputs."""
        for stage in self.stages:
            x = stage(x)
        return x

    @torch.no_grad()
    def certificate(self, x: Float[Tensor, batch * features]) -> Float[Tensor, batch * outputs]:
        """Return, for each input and output, how far network and compiled network can differ.

        Valid for the two networks as computed in this dtype, rounding included: in exact arithmetic it
        is theorem T3', e_l = min(p, max(z+p, 0)) + φ(β max(|z|−p, 0))/β with p = |W_l| e_{l−1}. The rounding
        terms and their derivation stand in `softbook.relu_softmax.model.bounds`.

        Parameters
        ----------
        x
            Inputs, as for the network.

        Returns
        -------
        Tensor
            float64, the shape of the outputs. Costs two passes through the ReLU network.
        """
        state = PropagatedError.at(x, self.beta, self._dtype(x))
        for stage in self.stages:
            state = state.through(stage)
        return state.error

    @torch.no_grad()
    def global_certificate(self, low: float, high: float) -> Float[Tensor, " outputs"]:
        """Return a bound on the difference for all inputs with entries in [low, high] (T3, entrywise).

        e_l = |W_l| e_{l−1} + κ/β holds for every real input; the box bounds the magnitudes on which
        rounding depends.
        """
        if not low <= high:
            raise ValueError(f"low, high: {low} and {high} are given, but low <= high is needed")
        first = next(stage for stage in self.stages if isinstance(stage, nn.Linear))
        largest = torch.full((1, first.in_features), max(abs(low), abs(high)), dtype=torch.float64)
        state = PropagatedError.of_box(largest, self.beta, first.weight.dtype)
        for stage in self.stages:
            if not isinstance(stage, nn.Flatten):
                state = state.through(stage)
        return state.error[0]

    def _dtype(self, x: Tensor) -> torch.dtype:
        weight = next(self.parameters())
        if x.dtype != weight.dtype:
            raise TypeError(f"x: dtype {x.dtype} is given, but {weight.dtype} is needed")
        return weight.dtype

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write weights and structure to one safetensors file."""
        stages = [_describe(stage) for stage in self.stages]
        metadata = {"format": FORMAT, "beta": repr(self.beta), "stages": json.dumps(stages)}
        weights = {name: tensor.contiguous() for name, tensor in self.state_dict().items()}
        save_file(weights, os.fspath(path), metadata=metadata)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> AttentionNetwork:
        """Read a network written by `save`; a ValueError says what is wrong with another file."""
        try:
            with safe_open(os.fspath(path), framework="pt") as file:
                metadata = file.metadata() or {}
                weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        except SafetensorError as error:
            raise ValueError(f"path: {path} is not a safetensors file ({error})") from error
        if metadata.get("format") != FORMAT:
            given = metadata.get("format", "no format")
            raise ValueError(f"path: {path} holds {given}, but {FORMAT} is needed")
        beta = float(metadata["beta"])
        network = cls([_build(entry, beta) for entry in json.loads(metadata["stages"])], beta)
        try:
            network.to(next(iter(weights.values())).dtype).load_state_dict(weights)
        except RuntimeError as error:
            raise ValueError(
                f"path: the weights in {path} do not fit its structure ({error})"
            ) from error
        return network.eval()


def _describe(stage: nn.Module) -> dict[str, Any]:
    if isinstance(stage, nn.Linear):
        bias = stage.bias is not None
        return {"kind": "linear", "in": stage.in_features, "out": stage.out_features, "bias": bias}
    if isinstance(stage, AttentionReLU):
        return {"kind": "attention", "width": stage.width}
    assert isinstance(stage, nn.Flatten)
    return {"kind": "flatten", "start": stage.start_dim, "end": stage.end_dim}


def _build(entry: dict[str, Any], beta: float) -> nn.Module:
    if entry["kind"] == "linear":
        return nn.Linear(entry["in"], entry["out"], bias=entry["bias"])
    if entry["kind"] == "attention":
        return AttentionReLU(entry["width"], beta)
    if entry["kind"] == "flatten":
        return nn.Flatten(entry["start"], entry["end"])
    raise ValueError(f"stages: {entry['kind']!r} is no kind of layer")


def _flat(module: nn.Module, place: str) -> list[tuple[str, nn.Module]]:
    """List the layers of nested Sequentials with the place at which each stands."""
    if isinstance(module, nn.Sequential):
        return [pair for k, child in enumerate(module) for pair in _flat(child, f"{place}[{k}]")]
    if isinstance(module, nn.Dropout) and module.training and module.p > 0:
        raise ValueError(f"{place}: Dropout in training mode is random; call network.eval() first")
    if isinstance(module, (nn.Identity, nn.Dropout)):
        return []
    if isinstance(module, (nn.Linear, nn.ReLU, nn.Flatten)):
        return [(place, module)]
    raise TypeError(
        f"{place}: {type(module).__name__} is given, but only {ALLOWED} can be compiled"
    )


def compile_network(network: nn.Sequential, beta: float) -> AttentionNetwork:
    """Translate a ReLU network into softmax attention: one two-key head for each hidden unit.

    Parameters
    ----------
    network
        An `nn.Sequential` (nested as you like) of `Linear`, `ReLU`, `Flatten`, `Identity` and `Dropout` in
        eval mode, with at least one `Linear`; float32 or float64. It is copied, not changed.
    beta
        Sharpness β > 0. The error falls like 1/β; in float32 β above about 10⁶ buys nothing.

    Returns
    -------
    AttentionNetwork
        With `forward`, `certificate`, `global_certificate`, `heads`, `layers`, `save` and `load`.

    Raises
    ------
    TypeError, ValueError
        Naming the layer that cannot be compiled, the dtype, or β.

    Notes
    -----
    Source: own, theorems T2, T3 and T3' of the chapter; the recipe's idea is that of arXiv 2604.24878.

    >>> network = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2)).eval()
    >>> attention = compile_network(network, beta=1e4)
    >>> attention.heads, attention.layers
    (8, 1)
    >>> x = torch.randn(3, 4)
    >>> bool(((attention(x) - network(x)).abs() <= attention.certificate(x)).all())
    True
    """
    if not isinstance(network, nn.Sequential):
        given = type(network).__name__
        raise TypeError(f"network: {given} is given, but nn.Sequential is needed")
    layers = _flat(network, "network")
    linear = [layer for _, layer in layers if isinstance(layer, nn.Linear)]
    if not linear:
        raise ValueError("network: no Linear layer is given, but at least one is needed")
    dtypes = {layer.weight.dtype for layer in linear}
    if len(dtypes) > 1 or not dtypes <= {torch.float32, torch.float64}:
        names = ", ".join(sorted(map(str, dtypes)))
        raise TypeError(f"network: {names} is given, but float32 or float64 throughout is needed")
    width = linear[0].in_features
    stages: list[nn.Module] = []
    for place, layer in layers:
        if isinstance(layer, nn.Linear):
            if (
                stages
                and any(isinstance(s, nn.Linear) for s in stages)
                and layer.in_features != width
            ):
                raise ValueError(f"{place}: takes {layer.in_features} features, but {width} arrive")
            stages.append(_copied(layer))
            width = layer.out_features
        elif isinstance(layer, nn.ReLU):
            stages.append(AttentionReLU(width, beta))
        else:
            assert isinstance(layer, nn.Flatten)
            stages.append(nn.Flatten(layer.start_dim, layer.end_dim))
    return AttentionNetwork(stages, beta).eval()


def _copied(layer: nn.Linear) -> nn.Linear:
    has_bias = layer.bias is not None
    copy = nn.Linear(layer.in_features, layer.out_features, bias=has_bias, dtype=layer.weight.dtype)
    copy.load_state_dict(layer.state_dict())
    return copy
