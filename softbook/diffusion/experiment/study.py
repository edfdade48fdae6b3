"""The whole experiment: three seeds, both forms of the digits, the result written with its provenance.

Run by `python -m softbook.diffusion.experiment [--out FILE] [--parts FOLDER]`. On one machine with one
version of everything the numbers repeat exactly.
"""

from __future__ import annotations

import argparse
import platform
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm

from softbook.diffusion.experiment import digits, parts, sampling, statistics, training
from softbook.diffusion.experiment.digits import pixels
from softbook.diffusion.experiment.parts import PIXELS, QUADRANTS, of_pixels, of_quadrants
from softbook.diffusion.experiment.statistics import nearest, of_mean, pair_error
from softbook.diffusion.experiment.training import Denoiser, Setting, train
from softbook.provenance import digest, read_json, read_result, versions, write_json, write_result

__all__ = ["DATA", "MINUTES", "SEEDS", "live", "load", "main", "reference", "run"]

DATA = Path(__file__).resolve().parents[1] / "data" / "digits.json"
"""The committed result."""
PARTS = Path("_build") / "diffusion_digits"
SEEDS = (0, 1, 2)
MINUTES = 6
"""What the whole command takes at most, on one core of the machine that made the committed result."""
FORMS: dict[str, tuple[Setting, Callable[..., dict[str, Any]]]] = {
    "pixels": (PIXELS, of_pixels),
    "quadrants": (QUADRANTS, of_quadrants),
}


def reference() -> dict[str, Any]:
    """Return what held-out images score where samples do: `pairs` and `nearest`, with intervals, and `rows`.

    >>> reference()["rows"]
    [1500, 297]
    """
    rows, held_out = pixels()
    return {
        "rows": [len(rows), len(held_out)],
        "distinct": len(rows.unique(dim=0)),
        "pairs": pair_error(rows, held_out),
        "nearest": of_mean(nearest(held_out, rows)),
    }


def _file(folder: Path, form: str, setting: Setting) -> Path:
    """File of a finished part; its name changes with setting, versions and the code itself."""
    code = [
        Path(str(module.__file__)).read_text(encoding="utf-8")
        for module in (digits, parts, sampling, statistics, training)
    ]
    key = digest([form, asdict(setting), versions("scikit-learn"), code])
    return folder / f"{form}_seed-{setting.seed}_{key}.json"


def run(
    out: Path = DATA,
    *,
    folder: Path = PARTS,
    seeds: Sequence[int] = SEEDS,
    change: dict[str, Any] | None = None,
    progress: bool = True,
) -> dict[str, Any]:
    """Train and measure for every seed, write the result to `out`, and return it.

    Finished parts (one a seed and form, a minute each at most) are kept in `folder` until `out` is written; a
    later call with the same settings, versions and code goes on from there, to the same numbers.
    `change`: other values of `Setting`'s fields. An empty choice of seeds raises a ValueError.
    """
    if not seeds:
        raise ValueError("seeds: none is given, but at least one is needed")
    chosen = [
        (form, replace(setting, seed=seed, **(change or {})), measure)
        for seed in seeds
        for form, (setting, measure) in FORMS.items()
    ]
    files, results = [], []
    with tqdm(total=sum(s.steps for _, s, _ in chosen), unit="step", disable=not progress) as bar:
        for form, setting, measure in chosen:
            bar.set_description(f"{form}, seed {setting.seed}")
            file = _file(folder, form, setting)
            if not file.exists():
                started = time.perf_counter()
                result = measure(setting, tick=bar.update)
                seconds = round(time.perf_counter() - started, 1)
                write_json(
                    file, {"form": form, "setting": asdict(setting), "seconds": seconds, **result}
                )
            else:
                bar.update(setting.steps)
            files.append(file)
            results.append(read_json(file))
    write_result(
        out,
        {"results": results, "reference": reference()},
        settings={
            "command": "python -m softbook.diffusion.experiment",
            "dtype": "float32",
            "threads": torch.get_num_threads(),
            "machine": f"{platform.machine()}, {torch.backends.cpu.get_cpu_capability()}",
        },
        seeds=list(seeds),
        seconds=sum(result["seconds"] for result in results),
        packages=["scikit-learn"],
    )
    for file in files:
        file.unlink()
    return read_result(out)


def load(form: str | None = None, path: Path = DATA) -> Any:
    """Read the committed result; with a `form`, "pixels" or "quadrants": its results, one a seed.

    >>> [result["setting"]["seed"] for result in load("pixels")]
    [0, 1, 2]
    """
    if form is not None and form not in FORMS:
        raise ValueError(f"form: {form!r} is given, but one of {', '.join(FORMS)} is needed")
    whole = read_result(path)
    if form is None:
        return whole
    return [result for result in whole["results"] if result["form"] == form]


def live(steps: int = 600, seed: int = 0) -> tuple[Denoiser, dict[str, Any]]:
    """Train a denoiser of the 64 pixels here and now: a few seconds of one core.

    Return it with its curves, as `train` does. It has not learned all that the committed one has.

    >>> live(steps=20)[1]["step"][-1]
    20
    """
    rows, held_out = pixels()
    return train(rows, 2, replace(PIXELS, steps=steps, seed=seed, logs=6), held_out=held_out)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the experiment from the command line."""
    parser = argparse.ArgumentParser(description="A masked denoiser on binarised digits.")
    parser.add_argument("--out", type=Path, default=DATA, help="default: the committed file")
    parser.add_argument("--parts", type=Path, default=PARTS, help="folder of finished parts")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    print(
        f"{len(SEEDS) * len(FORMS)} networks, one after the other: at most {MINUTES} minutes of one "
        f"core. Stop it when you like: the same command goes on from {options.parts}.",
        flush=True,
    )
    for result in run(options.out, folder=options.parts)["results"]:
        nats = result["curves"]["train"][-1]
        print(f"{result['form']}, seed {result['setting']['seed']}: {nats:.4f} nats a masked site")
    print(f"written: {options.out}")
