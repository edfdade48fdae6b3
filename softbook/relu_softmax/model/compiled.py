"""A ReLU network as attention layers, with a certificate for each input (theorems T2, T3, T3').

Glossary: a = activations, z = pre-activations, e = certified error so far, p = its bound before the
heads, u = unit round-off, n = fan-in.
"""

from __future__ import annotations

import os
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from softbook.relu_softmax.model.bounds import PropagatedError
from softbook.relu_softmax.model.layers import (
    AttentionReLU,
    common_dtype,
    describe,
    flat,
    translated,
)
from softbook.relu_softmax.model.storage import read_file, write_file
from softbook.relu_softmax.theory.checks import positive


class AttentionNetwork(nn.Module):
    """A compiled network: linear maps and attention layers, nothing else.

    Made by `compile_network`; takes the same inputs as the network that it was made from, float32 or
    float64 as that one. The size of its error is certified: for each input x and each output,
    |network(x) − compiled(x)| ≤ compiled.certificate(x), as computed, rounding included.

    Attributes
    ----------
    stages
        The layers in order.
    beta
        Sharpness β of all heads.

    >>> network = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2)).eval()
    >>> attention = compile_network(network, beta=1e4)
    >>> attention.heads, attention.layers, attention.parameter_count
    (8, 1, 58)
    """

    def __init__(self, stages: list[nn.Module], beta: float) -> None:
        super().__init__()
        self.stages = nn.ModuleList(stages)
        self.beta = positive("beta", beta)

    @property
    def heads(self) -> int:
        """The number of two-key heads in all layers: one a hidden unit, shared by all positions."""
        return sum(stage.width for stage in self.stages if isinstance(stage, AttentionReLU))

    @property
    def layers(self) -> int:
        """The number of attention layers."""
        return sum(isinstance(stage, AttentionReLU) for stage in self.stages)

    @property
    def parameter_count(self) -> int:
        """The number of weights and biases: those of the ReLU network."""
        return sum(parameter.numel() for parameter in self.parameters())

    def forward(self, x: Float[Tensor, "*shape"]) -> Float[Tensor, "*outputs"]:
        """Return the compiled network's outputs; x as for the network, shape (batch, …, features).

        Raises a TypeError for another dtype than that of the weights, a ValueError where the number
        of features does not fit. Cost: that of the network, and O(1) for each head.
        """
        self._dtype(x)
        for k, stage in enumerate(self.stages):
            x = stage(_fitting(x, stage, k))
        return x

    @torch.no_grad()
    def certificate(self, x: Float[Tensor, "*shape"]) -> Float[Tensor, "*outputs"]:
        """Return, for each input and output, how far network and compiled network can differ.

        Valid for the two networks as computed in this dtype, in any order of summation (so also for
        batches of another size): in exact arithmetic it is theorem T3', e_l = min(p, max(z+p, 0)) +
        φ(β max(|z|−p, 0))/β with p = |W_l| e_{l−1}. The rounding terms, those of the last affine layer
        among them, and their derivation stand in `softbook.relu_softmax.model.bounds`.

        Parameters
        ----------
        x
            Inputs, as for the network.

        Returns
        -------
        Tensor
            float64, the shape of the outputs; infinite where magnitudes overflow, NaN only for rows in
            which x has NaN. Costs four passes through the ReLU network.

        Raises
        ------
        TypeError, ValueError
            As `forward`; a TypeError where the weights were cast to another dtype than float32 or
            float64, since the rounding of attention in shorter formats is not derived.

        >>> network = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2)).eval()
        >>> attention, x = compile_network(network, beta=1e4), torch.randn(3, 4)
        >>> bool(((attention(x) - network(x)).abs() <= attention.certificate(x)).all())
        True
        """
        self._dtype(x)
        state = PropagatedError.at(x, self.beta, self._certified())
        for k, stage in enumerate(self.stages):
            assert state.value is not None
            _fitting(state.value, stage, k)
            state = state.through(stage)
        # Where a magnitude overflows, inf · 0 or inf − inf would hide that nothing is known.
        error = state.error.nan_to_num(nan=torch.inf, posinf=torch.inf)
        return torch.where(_nan_rows(x, error), torch.nan, error)

    @torch.no_grad()
    def global_certificate(
        self, low: float | Float[Tensor, "..."], high: float | Float[Tensor, "..."]
    ) -> Float[Tensor, " outputs"]:
        """Return a bound on the difference for all inputs with entries in [low, high] (T3, entrywise).

        e_l = |W_l| e_{l−1} + κ/β holds for every real input. The box serves the rounding terms only,
        which grow with the magnitudes.

        Parameters
        ----------
        low, high
            Finite ends, low ≤ high: numbers, or one for each feature of the first Linear layer.

        Returns
        -------
        Tensor
            float64, one number an output (of each position). Costs two passes for a single input.

        >>> network = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2)).eval()
        >>> compile_network(network, beta=1e4).global_certificate(-1.0, 1.0).shape
        torch.Size([2])
        """
        first = next(stage for stage in self.stages if isinstance(stage, nn.Linear))
        dtype, place = self._certified(), first.weight.device
        try:
            ends = [torch.as_tensor(end, dtype=torch.float64, device=place) for end in (low, high)]
        except (TypeError, ValueError) as error:
            raise TypeError(
                f"low, high: {low!r} and {high!r} are given, but numbers or tensors are needed"
            ) from error
        if not bool(torch.isfinite(ends[0]).all() & torch.isfinite(ends[1]).all()):
            raise ValueError(f"low, high: {low} and {high} are given, but finite ends are needed")
        try:
            least, most = (end.expand(first.in_features) for end in ends)
        except RuntimeError as error:
            shapes = " and ".join(str(tuple(end.shape)) for end in ends)
            raise ValueError(
                f"low, high: shapes {shapes} are given, but one number or {first.in_features} are needed"
            ) from error
        if not bool((least <= most).all()):
            raise ValueError(f"low, high: {low} and {high} are given, but low <= high is needed")
        largest = torch.maximum(least.abs(), most.abs()).unsqueeze(0)
        state = PropagatedError.of_box(largest, self.beta, dtype)
        for stage in self.stages:
            if isinstance(stage, nn.Linear):
                state = state.tiled(stage.in_features)
            if not isinstance(stage, nn.Flatten):
                state = state.through(stage)
        return state.error[0].nan_to_num(nan=torch.inf, posinf=torch.inf)

    def _certified(self) -> torch.dtype:
        dtype = next(self.parameters()).dtype
        if dtype not in (torch.float32, torch.float64):
            raise TypeError(
                f"network: weights of {dtype} are given, but certificates need float32 or float64"
            )
        return dtype

    def _dtype(self, x: Tensor) -> torch.dtype:
        if not isinstance(x, Tensor):
            raise TypeError(f"x: {type(x).__name__} is given, but a tensor is needed")
        weight = next(self.parameters())
        if x.dtype != weight.dtype:
            raise TypeError(f"x: dtype {x.dtype} is given, but {weight.dtype} is needed")
        return weight.dtype

    def to_dict(self) -> dict[str, Any]:
        """Return the structure as JSON: β and, for each layer, its kind and size; no weights.

        >>> network = nn.Sequential(nn.Linear(4, 8), nn.ReLU())
        >>> [stage["kind"] for stage in compile_network(network, beta=1e4).to_dict()["stages"]]
        ['linear', 'attention']
        """
        return {"beta": self.beta, "stages": [describe(stage) for stage in self.stages]}

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write weights and structure to one safetensors file.

        >>> import tempfile
        >>> network = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     compile_network(network, beta=1e4).save(f"{folder}/network.safetensors")
        ...     AttentionNetwork.load(f"{folder}/network.safetensors").heads
        8
        """
        write_file(path, self.to_dict(), self.state_dict())

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> AttentionNetwork:
        """Read a network written by `save`; a ValueError says what is wrong with another file.

        Weights must fit the structure in name, shape and dtype; nothing in the file is executed.
        """
        stages, beta, weights = read_file(path)
        network = cls(stages, beta)
        network.load_state_dict(weights, assign=True)
        return network.eval()


def _nan_rows(x: Tensor, like: Tensor) -> Tensor:
    """Say which entries of the outputs belong to an input with NaN; positions count as one input."""
    if x.ndim < 2 or x.shape[0] != like.shape[0]:
        return x.isnan().any().expand_as(like)
    rows = x.isnan().flatten(1).any(1)
    return rows.reshape(-1, *[1] * (like.ndim - 1)).expand_as(like)


def _fitting(x: Tensor, stage: nn.Module, k: int) -> Tensor:
    """Return x; raise unless it has the number of features that layer k takes."""
    if isinstance(stage, nn.Linear) and (x.ndim == 0 or x.shape[-1] != stage.in_features):
        raise ValueError(
            f"x: shape {tuple(x.shape)} arrives at layer {k} of the compiled network, "
            f"but {stage.in_features} features are needed"
        )
    return x


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
    beta = positive("beta", beta)
    layers = flat(network, "network")
    linear = [layer for _, layer in layers if isinstance(layer, nn.Linear)]
    if not linear:
        raise ValueError("network: no Linear layer is given, but at least one is needed")
    common_dtype(linear)
    return AttentionNetwork(translated(layers, beta), beta).eval()
