"""Networks kept as safetensors, with what they were made with as JSON in the same file's header."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from torch import nn

from softbook.domino.model.checkpoints import read_checkpoint, write_checkpoint

__all__ = ["DATA", "load_network", "save_network"]

DATA = Path(__file__).resolve().parents[1] / "data"
"""The folder of the committed weights."""
Network = TypeVar("Network", bound=nn.Module)


def save_network(
    file: str | os.PathLike[str], network: nn.Module, notes: Mapping[str, Any]
) -> None:
    """Write a network with an attribute `arguments` (of its class), and JSON-ready notes.

    Raises a TypeError if there is no such attribute, else as `write_checkpoint`.

    >>> save_network("none.safetensors", nn.Identity(), {})
    Traceback (most recent call last):
    ...
    TypeError: network: Identity is given, but a network that keeps its `arguments` is needed
    """
    arguments = getattr(network, "arguments", None)
    if not isinstance(arguments, dict):
        raise TypeError(
            f"network: {type(network).__name__} is given, but a network that keeps its `arguments` is needed"
        )
    kind = type(network).__name__
    state = {"network": kind, "arguments": arguments, "notes": dict(notes)}
    write_checkpoint(file, network.state_dict(), state)


def load_network(
    kind: type[Network], file: str | os.PathLike[str]
) -> tuple[Network, dict[str, Any]]:
    """Return (network of class `kind`, notes) as `save_network` got them, on the CPU.

    Raises a ValueError if the file holds something else, a FileNotFoundError if there is none.

    >>> import tempfile
    >>> from softbook.domino.model.network import MaskedNet
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_network(f"{folder}/a.safetensors", MaskedNet(channels=8), {"seed": 0})
    ...     net, notes = load_network(MaskedNet, f"{folder}/a.safetensors")
    >>> net.arguments["channels"], notes
    (8, {'seed': 0})
    """
    tensors, state = read_checkpoint(file)
    if state.get("network") != kind.__name__:
        held = state.get("network", "no network")
        raise ValueError(f"file: {file} holds {held}, but {kind.__name__} is needed")
    network = kind(**state["arguments"])
    network.load_state_dict(tensors)
    return network, state["notes"]
