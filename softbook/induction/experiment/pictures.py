"""What the chapter's figures draw and a page is too short to compute: a mixture of lengths, and small vocabularies.

Run by `python -m softbook.induction.experiment.pictures [--out FILE]`; the committed result is
`data/pictures.json`.
"""

from __future__ import annotations

import argparse
import itertools
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float64
from torch import Tensor
from tqdm import tqdm

from softbook.induction.model.evaluate import accuracy
from softbook.induction.model.network import attention_of, outputs_of
from softbook.induction.model.task import Sequences, sequences_at
from softbook.induction.model.two_steps import Models, train_two_steps
from softbook.induction.theory import population_weights
from softbook.provenance import read_result, write_result

__all__ = [
    "DATA",
    "LENGTHS",
    "SHARES",
    "SIZES",
    "THETAS",
    "WINDOWS",
    "load",
    "main",
    "mixed",
    "mixture",
    "run",
]

DATA = Path(__file__).resolve().parents[1] / "data" / "pictures.json"
"""The committed result."""
SHARES = (0.0, 0.02, 0.04, 0.06, 0.08, 0.1, 0.12, 0.15, 0.2, 0.3, 0.5, 0.75, 1.0)
"""Weights w of the mixture (1 − w) δ_8 + w Unif{1..16}."""
LENGTHS = np.arange(1, 17)
SEEDS, TESTS = (0, 1, 2, 3, 4), 1000
MIXED: dict[str, Any] = {"vocabulary": 16, "triggers": 1, "samples": 20_000}
THETAS, VALUE_RATE = (10, 30, 100), 0.1
"""Lengths of the steps: the logit of the induction part is θ; so small a value rate that softmax is linear."""
SIZES = (8, 10, 12, 16, 24, 32, 48, 64, 96)
WINDOWS = {"3 to 5": (3, 5), "3 to 7": (3, 7), "3 to 12": (3, 12)}
TRIGGERS = 4
SECONDS = 120


def mixture(share: float) -> Float64[np.ndarray, " lengths"]:
    """Return (1 − share) δ_8 + share · Unif{1..16}.

    >>> mixture(0.16)[[0, 7]].round(3).tolist()
    [0.01, 0.85]
    """
    return (1 - share) * (LENGTHS == 8) + share / len(LENGTHS)


def rates(masses: np.ndarray) -> float:
    """Return η_V η_KQ for which the induction part's logit is 1: n/(cA).

    >>> round(rates(mixture(0.5)) / 1e3, 1)
    4.1
    """
    mean = float((masses / (2 * LENGTHS + 3)).sum())
    ordinary = MIXED["vocabulary"] - MIXED["triggers"]
    return MIXED["triggers"] * ordinary / mean**2


def apart(seed: int) -> Sequences:
    """Draw tests: ℓ1 and ℓ2 uniform on 1..16, different.

    >>> bool((apart(0).first != apart(0).second).all())
    True
    """
    rng = np.random.default_rng(seed)
    first = rng.integers(1, 17, TESTS)
    second = (first + rng.integers(1, 16, TESTS) - 1) % 16 + 1
    return sequences_at(
        torch.from_numpy(first),
        torch.from_numpy(second),
        vocabulary=MIXED["vocabulary"],
        triggers=MIXED["triggers"],
        longest=2 * 16 + 3,
        seed=seed,
    )


def _on_output(attention: Tensor, tests: Sequences) -> float:
    weights = attention_of(attention, tests)
    return float(weights.gather(-1, (tests.first + 1).unsqueeze(-1)).mean())


def mixed(share: float, previous: bool = True) -> list[dict[str, Any]]:
    """Train on the mixture with this share, and test; a row for each θ of `THETAS`.

    `share` in [0, 1]; `previous`: whether values read the previous token. A row holds `attention` (on the output) and
    `right`, a share in [0, 1] for each of five seeds, and `exact`, the attention of the exact weights. Seconds.

    >>> len(mixed(0.2))
    3
    """
    masses = mixture(share)
    unit = rates(masses)
    models = train_two_steps(
        masses,
        LENGTHS,
        value_rate=VALUE_RATE,
        attention_rate=unit / VALUE_RATE,
        previous=previous,
        seeds=SEEDS,
        **MIXED,
    )
    weights = population_weights(masses, LENGTHS, 16, 1, previous=previous).attention
    exact = unit * torch.from_numpy(weights)
    tests = [apart(seed) for seed in SEEDS]
    rows = []
    # The second step starts at zero, so that its rate scales W_KQ.
    for theta in THETAS:
        trained = list(zip(models.value[0], theta * models.attention[0], tests, strict=True))
        right = [
            (outputs_of(value, attention, drawn).argmax(-1) == drawn.output).double().mean()
            for value, attention, drawn in trained
        ]
        rows.append(
            {
                "share": share,
                "kappa": 2 if previous else 1,
                "theta": theta,
                "attention": [_on_output(attention, drawn) for _, attention, drawn in trained],
                "right": [float(one) for one in right],
                "exact": float(np.mean([_on_output(theta * exact, drawn) for drawn in tests])),
            }
        )
    return rows


def _sized(name: str, vocabulary: int, tick: Any) -> dict[str, Any]:
    """Return the accuracy on conflicting lengths, one a seed, for one window and number of tokens."""
    low, high = WINDOWS[name]
    lengths = np.arange(low, high + 1)
    models: Models = train_two_steps(
        np.full(len(lengths), 1 / len(lengths)),
        lengths,
        vocabulary=vocabulary,
        triggers=TRIGGERS,
        seeds=SEEDS,
    )
    tick()
    found = accuracy(models)
    return {"window": name, "vocabulary": vocabulary, "right": found.correct[0].tolist()}


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _rounded(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_rounded(one) for one in value]
    return round(value, 5) if isinstance(value, float) else value


def run(out: Path = DATA, *, progress: bool = True) -> dict[str, Any]:
    """Compute all, write it with its provenance to `out`, and return it."""
    started = time.perf_counter()
    total = 2 * len(SHARES) + len(SIZES) * len(WINDOWS)
    with tqdm(total=total, unit="setting", disable=None if progress else True) as bar:
        rows = []
        for previous, share in itertools.product((True, False), SHARES):
            rows += mixed(share, previous)
            bar.update()
        sized = [_sized(name, size, bar.update) for name in WINDOWS for size in SIZES]
    write_result(
        out,
        {"mixture": _rounded(rows), "vocabulary": _rounded(sized)},
        settings={
            "command": "python -m softbook.induction.experiment.pictures",
            "theta": THETAS,
            "tests": TESTS,
            "triggers": TRIGGERS,
            **MIXED,
        },
        seeds=list(SEEDS),
        seconds=time.perf_counter() - started,
    )
    return read_result(out)


def load(path: Path = DATA) -> dict[str, Any]:
    """Read the committed result.

    >>> len(load()["mixture"])
    78
    """
    return read_result(path)


def main(arguments: Sequence[str] | None = None) -> None:
    """Compute all from the command line."""
    parser = argparse.ArgumentParser(description="Mixtures of lengths, and small vocabularies.")
    parser.add_argument("--out", type=Path, default=DATA, help="default: the committed file")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    print(f"At most {SECONDS} seconds of one core.", flush=True)
    run(options.out)
    print(f"written: {options.out}")


if __name__ == "__main__":
    main()
