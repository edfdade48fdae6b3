"""What is seen of a fine-tuning's iterations, kept with its weights; and when it is at its end."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from softbook.domino.model.checkpoints import (
    read_checkpoint,
    restore,
    same_settings,
    tensors_of,
    write_checkpoint,
)
from softbook.domino.model.update import SEEN, Tuning

__all__ = ["CONSTANT", "History", "Limits"]

CONSTANT = 10
"""Iterations in a row whose rewards are all equal, after which nothing is to be learnt any more."""
HISTORY = "history"


class Limits(NamedTuple):
    """When a run ends: after so many iterations, or so many without a new maximum; when it is saved."""

    iterations: int
    every: int
    patience: int | None


class History:
    """The rows of a run so far; with a file that is there, the run is put back to where that was.

    Raises a ValueError if the file is of other settings, and says which.
    """

    def __init__(self, run: Tuning, file: Path | None, kept: dict[str, Any]):
        self.run, self.file, self.kept = run, file, kept
        self.rows: dict[str, list[float]] = {name: [] for name in SEEN}
        if file is not None and file.exists():
            tensors, state = read_checkpoint(file)
            same_settings(file, state, kept)
            restore(run.model, run.optimiser, tensors)
            for name, values in self.rows.items():
                values.extend(tensors[f"{HISTORY}:{name}"].tolist())

    @property
    def done(self) -> int:
        """Count the whole iterations."""
        return len(self.rows["reward"])

    def add(self, row: dict[str, float]) -> None:
        """Append what was `SEEN` of one more."""
        for name, values in self.rows.items():
            values.append(row[name])

    def arrays(self) -> dict[str, np.ndarray]:
        """Return a float64 array for each name."""
        return {name: np.array(values, dtype=np.float64) for name, values in self.rows.items()}

    def save(self) -> None:
        """Write the checkpoint, if there is a file for it."""
        if self.file is None:
            return
        seen = {f"{HISTORY}:{name}": torch.from_numpy(one) for name, one in self.arrays().items()}
        write_checkpoint(
            self.file, tensors_of(self.run.model, self.run.optimiser) | seen, self.kept
        )

    def stop(self, limits: Limits) -> str | None:
        """Say why the run is at its end; None: it is not. It follows from the history alone."""
        rewards, done = self.rows["reward"], self.done
        if done >= CONSTANT and not any(self.rows["deviation"][-CONSTANT:]):
            return "constant rewards"
        if limits.patience is not None and done - 1 - _best(rewards) >= limits.patience:
            return "patience"
        return "iterations" if done >= limits.iterations else None


def _best(rewards: list[float]) -> int:
    """Return the place of the first greatest reward; before any, that of the one to come."""
    return int(np.argmax(rewards)) if rewards else 0
