"""The whole experiment: every setting trained, the result written with its provenance, and read again.

Run by `python -m softbook.ssd.experiment [--out FILE] [--parts FOLDER]`.

How far the numbers repeat: on one machine with one version of everything, exactly. Another form of the operator (the
recurrence in place of chunks) agreed to six digits over the first 40 steps. Thereafter rounding grows where a network
is still finding its way: the scalar SSM with N = 8, seed 0, ends at 1.84 bits with the operator, ended at 1.82 with the
recurrence and at 2.75 with a plain chunked form; the diagonal one with N = 16, seed 2, at 1.65, 1.63 and 1.64.
So a single end value counts no more than one draw of a seed.
"""

from __future__ import annotations

import argparse
import platform
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm

from softbook.kernels.ssd import ssd
from softbook.provenance import digest, read_json, read_result, versions, write_json, write_result
from softbook.ssd.experiment import network, tasks, training
from softbook.ssd.experiment.setting import MIXERS, STATES, Setting, settings
from softbook.ssd.experiment.tasks import corpus
from softbook.ssd.experiment.training import train

__all__ = [
    "DATA",
    "LIVE",
    "MINUTES",
    "corpus_record",
    "ends",
    "live",
    "load",
    "main",
    "run",
    "runs_of",
]

DATA = Path(__file__).resolve().parents[1] / "data" / "training.json"
"""The committed result."""
PARTS = Path("_build") / "ssd_training"
MINUTES = 40
"""What the whole command took on one core of the machine that made the committed result."""

LIVE = Setting(width=32, heads=2, state=8, length=8, batch=64, steps=250, rate=1e-2, logs=5)
"""A network that learns to remember two pairs within seconds."""


def _part(parts: Path, setting: Setting) -> Path:
    """File of a setting without its ending; it changes with setting, versions and the code itself."""
    code = [
        Path(str(module.__file__)).read_text(encoding="utf-8")
        for module in (network, tasks, training)
    ]
    key = digest([asdict(setting), versions("safetensors"), code, corpus().digest])
    return parts / f"{setting.name}_{key}"


def corpus_record() -> dict[str, Any]:
    """Return what was read for the bytes task: numbers of files and bytes, and a digest of the text.

    >>> sorted(corpus_record())
    ['digest', 'held_out_bytes', 'held_out_files', 'python', 'train_bytes', 'train_files']
    """
    data = corpus()
    return {
        "python": platform.python_version(),
        "digest": data.digest,
        "train_files": len(data.train_files),
        "held_out_files": len(data.held_out_files),
        "train_bytes": len(data.train),
        "held_out_bytes": len(data.held_out),
    }


def _finished(file: Path) -> dict[str, Any] | None:
    try:
        return read_json(file)
    except (FileNotFoundError, ValueError):
        return None


def run(
    out: Path = DATA,
    *,
    parts: Path = PARTS,
    chosen: Sequence[Setting] | None = None,
    progress: bool = True,
) -> dict[str, Any]:
    """Train every setting, one after the other, write the result to `out`, and return it.

    Finished settings and the checkpoint of the one under way are kept in the folder `parts` until `out` is
    written; a later call with the same settings, versions and code goes on from there, to the same
    numbers. `chosen`: the settings, by default those of the committed result, which take `MINUTES` of one
    core. An empty choice raises a ValueError.
    """
    chosen = settings() if chosen is None else tuple(chosen)
    if not chosen:
        raise ValueError("chosen: no setting is given, but at least one is needed")
    files = {setting: _part(parts, setting) for setting in chosen}
    results = []
    with tqdm(total=sum(s.steps for s in chosen), unit="step", disable=not progress) as bar:
        for setting, file in files.items():
            bar.set_description(setting.name)
            whole = file.with_name(file.name + ".json")
            result = _finished(whole)
            if result is None:
                checkpoint = file.with_name(file.name + ".safetensors")
                result = train(setting, checkpoint=checkpoint, tick=bar.update)
                write_json(whole, result)
            else:
                bar.update(setting.steps)
            results.append(result)
    write_result(
        out,
        {"results": results, "corpus": corpus_record()},
        settings={
            "command": "python -m softbook.ssd.experiment",
            "operator": ssd.__module__,
            "dtype": "float32",
            "threads": torch.get_num_threads(),
            "machine": f"{platform.machine()}, {torch.backends.cpu.get_cpu_capability()}",
        },
        seeds=sorted({setting.seed for setting in chosen}),
        seconds=sum(result["seconds"] for result in results),
        packages=["safetensors"],
    )
    for file in files.values():
        for ending in (".json", ".safetensors"):
            file.with_name(file.name + ending).unlink(missing_ok=True)
    return read_result(out)


def load(path: Path = DATA) -> dict[str, Any]:
    """Read the committed result: `results` (one a setting), `corpus`, `provenance`.

    >>> len(load()["results"]) == len(settings())
    True
    """
    return read_result(path)


def runs_of(
    task: str, mixer: str, state: int = 16, result: dict[str, Any] | None = None
) -> list[dict[str, Any]]:
    """Return the runs of one task, mixer and state size N, one a seed, in the seeds' order.

    `result`: what `load` returns (default: the committed one). A combination that was not trained raises a
    ValueError.

    >>> [run["setting"]["seed"] for run in runs_of("mqar", "softmax")]
    [0, 1, 2]
    """
    result = load() if result is None else result
    found = [
        one
        for one in result["results"]
        if (one["setting"]["task"], one["setting"]["mixer"], one["setting"]["state"])
        == (task, mixer, state)
    ]
    if not found:
        raise ValueError(
            f"task, mixer, state: {task!r}, {mixer!r}, {state} are given, but trained are {MIXERS} on "
            + ", ".join(f"{name} with N in {sizes}" for name, sizes in STATES.items())
        )
    return sorted(found, key=lambda one: one["setting"]["seed"])


def ends(
    figure: str, task: str, mixer: str, state: int = 16, result: dict[str, Any] | None = None
) -> list[float]:
    """Return the last value of `figure` ("train", "held_out" or "accuracy"), one a seed.

    >>> len(ends("held_out", "bytes", "softmax"))
    3
    """
    return [one[figure][-1] for one in runs_of(task, mixer, state, result)]


def live(mixer: str, seed: int = 0) -> dict[str, Any]:
    """Train the tiny network `LIVE` with one mixer, here and now, and return what `train` returns.

    Two pairs to remember, 250 steps: a few seconds of one core. It shows that the code behind the committed
    curves runs; it is too small to say which mixer is better.

    >>> live("softmax")["step"][-1]
    250
    """
    return train(replace(LIVE, mixer=mixer, seed=seed))


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the experiment from the command line."""
    parser = argparse.ArgumentParser(description="Three token mixers of equal size on two tasks.")
    parser.add_argument("--out", type=Path, default=DATA, help="default: the committed file")
    parser.add_argument("--parts", type=Path, default=PARTS, help="checkpoints, finished settings")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    print(
        f"{len(settings())} networks, one after the other: some {MINUTES} minutes of one core. "
        f"Stop it when you like: the same command goes on from {options.parts}.",
        flush=True,
    )
    result = run(options.out, parts=options.parts)
    for task, sizes in STATES.items():
        for state in sizes:
            for mixer in MIXERS:
                loss = ends("held_out", task, mixer, state, result)
                right = ends("accuracy", task, mixer, state, result)
                print(
                    f"{task} N={state} {mixer}: held out {', '.join(f'{x:.4f}' for x in loss)} bits, "
                    f"right {', '.join(f'{x:.4f}' for x in right)}"
                )
    print(f"written: {options.out}")
