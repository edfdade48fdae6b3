"""How fast does one trained attention layer approach a truncated linear map?

Reproduces the trends of "Universal Approximation with Softmax Attention" (arXiv 2504.15956): the test
error against the number of keys p, of heads H, and against the range |b - a|. Run it by

    python -m softbook.relu_softmax.experiment.uap [--out FILE] [--jobs N]

It says its cost first, shows its progress, keeps every finished setting, and goes on from there after
a kill.

Known (paper, and its published code, MAGICS-LAB/UAP_Attention at commit 99a3ea5, file truncated.py):

- n = 50 tokens, d = 10 features, each uniform on [-5, 5]; weights w_i and offsets t_i drawn once a data
  set from N(0, 1), one pair a token; target clip(w_i . x_i + t_i, a, b);
- 1000 samples, 80 % for training; Adam at 1e-3, 50 epochs, batches of 32, mean square; seeds 1234 to 1244;
- model: linear token map to width 32, multiplied by a learned row per token; p - n learned extra rows,
  started evenly on [-1, 1]; one multi-head attention layer (scores over the root of the head's width,
  biases everywhere, output map, no residual, no mask); the first n rows are the output. Width 32 is
  shared by the heads;
- the target stands in column 0 of the output and zeros in the other 31; the reported "MSE" averages over
  all 32 columns, so it is about 1/32 of the ramp's own;
- H in {1, 2, 4, 8, 16} at [a, b] = [-25, 25], p = 60; |b - a| in {10, ..., 50}, symmetric, H = 1, p = 60;
  p in {60, 70, ..., 120}, H = 1, [-25, 25].

Our choice: the random streams (data, split by position, start values and batch orders each have their own,
and the data of a seed are the same in all settings, which pairs the comparison); all seeds trained in one
tensor; the ramp's own error, a predictor without input and the ramp built by hand are reported beside the
paper's figure; the paper's numbers themselves are not known to us, only their trends.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tqdm import tqdm

from softbook.provenance import digest, read_json, read_result, versions, write_json, write_result
from softbook.relu_softmax.experiment import anchors, stacked
from softbook.relu_softmax.experiment import setting as one_setting
from softbook.relu_softmax.experiment.anchors import SHARPNESS, AnchorHeads, largest_errors
from softbook.relu_softmax.experiment.setting import SEEDS, Setting, built, run_setting, short
from softbook.relu_softmax.experiment.trends import loglog_slope

__all__ = ["DATA", "TRENDS", "Trend", "load", "main", "run", "summary"]

DATA = Path(__file__).resolve().parents[1] / "data" / "uap.json"
"""The committed result."""


@dataclass(frozen=True)
class Trend:
    """A family of settings that differ in one quantity, with the exponent that is expected of the error.

    `expected`: exponent of the mean square as the paper's figures are described (None: "grows", no rate).
    """

    quantity: str
    settings: tuple[Setting, ...]
    expected: float | None

    def values(self) -> list[float]:
        """Return the quantity's value in each setting."""
        return [getattr(setting, self.quantity) for setting in self.settings]


TRENDS = (
    Trend("keys", tuple(Setting(keys=p) for p in range(60, 121, 10)), -1.0),
    Trend("heads", tuple(Setting(heads=h) for h in (1, 2, 4, 8, 16)), -1.0),
    Trend("range", tuple(Setting(low=-r / 2, high=r / 2) for r in (10, 20, 30, 40, 50)), None),
)
"""The three trends of the paper."""


def _part(parts: Path, setting: Setting, seeds: Sequence[int]) -> Path:
    """File of a finished setting; its name changes with settings, seeds, versions and the code itself."""
    code = [
        Path(str(file)).read_text(encoding="utf-8")
        for file in (one_setting.__file__, stacked.__file__, anchors.__file__)
    ]
    key = digest([asdict(setting), list(seeds), versions(), code])
    return parts / f"{setting.name}_{key}.json"


def _read_part(file: Path) -> dict[str, Any] | None:
    try:
        return read_json(file)
    except (FileNotFoundError, ValueError):
        return None


def summary(
    results: Sequence[dict[str, Any]], trends: Sequence[Trend] = TRENDS
) -> list[dict[str, Any]]:
    """Return for each trend the fitted exponents of what was trained and what was built.

    `results`: what `run_setting` returned for every setting of the trends. For each trend: `x`, the rows of
    `results` that belong to it, exponents with 95 % intervals over seeds of `mse` and `ramp_mse`, whether the
    interval holds the expected exponent, and for the ramp built by hand its largest error and exponent at both
    values of `SHARPNESS`. A constructed ramp has no seeds, so its exponent has no interval.
    """
    by_setting = {Setting(**result["setting"]): row for row, result in enumerate(results)}
    out: list[dict[str, Any]] = []
    for trend in trends:
        rows = [by_setting[setting] for setting in trend.settings]
        x = np.array(trend.values(), dtype=float)
        record: dict[str, Any] = {"quantity": trend.quantity, "x": x.tolist(), "results": rows}
        record["expected"] = trend.expected
        for figure in ("mse", "ramp_mse"):
            slope = loglog_slope(x, np.array([results[row][figure] for row in rows]).T)
            met = slope.low > 0 if trend.expected is None else slope.contains(trend.expected)
            record[figure] = _slope(slope.value, slope.low, slope.high) | {"as_expected": bool(met)}
        kind = "heads" if trend.quantity == "heads" else "anchors"
        for label, sharpness in SHARPNESS.items():
            ramps = [
                AnchorHeads(r.low, r.high, anchors=r.anchors, heads=r.heads, sharpness=sharpness)
                for r in (built(setting)[kind] for setting in trend.settings)
            ]
            errors = largest_errors(ramps)
            # the theorem's variable is the number of spacings, one less than the number of anchors a head
            steps = [r.heads * (r.anchors - 1) for r in ramps]
            by_steps = x if trend.quantity == "range" else np.array(steps, dtype=float)
            record[f"built_{label}"] = {
                "sharpness": sharpness,
                "anchors": [r.heads * r.anchors for r in ramps],
                "error": short(errors),
                "error_per_spacing": short(
                    e / r.spacing for e, r in zip(errors, ramps, strict=True)
                ),
                "exponent": round(loglog_slope(x, np.array([errors])).value, 4),
                "exponent_by_spacings": round(loglog_slope(by_steps, np.array([errors])).value, 4),
            }
        out.append(record)
    return out


def _slope(value: float, low: float, high: float) -> dict[str, float]:
    return {"exponent": round(value, 4), "low": round(low, 4), "high": round(high, 4)}


def _make(setting: Setting, seeds: Sequence[int], file: Path) -> Setting:
    """Run one setting in a process of its own and keep its part."""
    torch.set_num_threads(1)
    write_json(file, run_setting(setting, seeds))
    return setting


def _make_all(files: dict[Setting, Path], seeds: Sequence[int], jobs: int, bar: tqdm) -> None:
    if jobs == 1:
        for setting, file in files.items():
            bar.set_description(setting.name)
            write_json(file, run_setting(setting, seeds, tick=lambda: bar.update() and None))
        return
    # the dearest first, so that no long setting is left for one process at the end
    order = sorted(files, key=lambda setting: -setting.heads * setting.keys)
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        for done in as_completed([pool.submit(_make, s, seeds, files[s]) for s in order]):
            bar.set_description(done.result().name)
            bar.update(done.result().epochs)


def run(
    out: Path = DATA,
    *,
    parts: Path = Path("_build") / "uap",
    trends: Sequence[Trend] = TRENDS,
    seeds: Sequence[int] = SEEDS,
    jobs: int = 1,
    progress: bool = True,
) -> dict[str, Any]:
    """Run every setting of the trends, write the result to `out`, and return it.

    A finished setting is kept in the folder `parts` until `out` is written; a later call with the same
    settings, seeds, versions and code takes it from there. `jobs` >= 1 processes share the settings, one
    thread each; 1 stays in this process. Cost at the published settings: 15 minutes of one core.
    """
    if jobs < 1:
        raise ValueError(f"jobs: {jobs} is given, but at least 1 is needed")
    settings = list(dict.fromkeys(setting for trend in trends for setting in trend.settings))
    files = {setting: _part(parts, setting, seeds) for setting in settings}
    left = {setting: file for setting, file in files.items() if _read_part(file) is None}
    with tqdm(total=sum(s.epochs for s in left), unit="epoch", disable=not progress) as bar:
        _make_all(left, seeds, jobs, bar)
    results = [read_json(file) for file in files.values()]
    write_result(
        out,
        {"results": results, "trends": summary(results, trends)},
        settings={"source": "arXiv 2504.15956", "dtype": "float32", "settings": len(settings)},
        seeds=seeds,
        seconds=sum(result["seconds"] for result in results),
    )
    for file in files.values():
        file.unlink(missing_ok=True)
    return read_result(out)


def load(path: Path = DATA) -> dict[str, Any]:
    """Read the committed result: `results` (one a setting), `trends` (one a trend), `provenance`.

    >>> [trend["quantity"] for trend in load()["trends"]]
    ['keys', 'heads', 'range']
    """
    return read_result(path)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the experiment from the command line."""
    parser = argparse.ArgumentParser(description="Trends of one trained attention layer on a ramp.")
    parser.add_argument(
        "--out", type=Path, default=DATA, help="the result (default: the committed file)"
    )
    parser.add_argument(
        "--parts", type=Path, default=Path("_build") / "uap", help="finished settings"
    )
    parser.add_argument("--jobs", type=int, default=2, help="processes, one core each (default 2)")
    chosen = parser.parse_args(arguments)
    torch.set_num_threads(1)
    print(f"15 settings x 11 seeds: 15 core-minutes, on {chosen.jobs} core(s).", flush=True)
    result = run(chosen.out, parts=chosen.parts, jobs=chosen.jobs)
    for trend in result["trends"]:
        slope = trend["mse"]
        print(
            f"MSE ~ {trend['quantity']}^{slope['exponent']:.3f} "
            f"[{slope['low']:.3f}, {slope['high']:.3f}], as expected: {slope['as_expected']}"
        )
    print(f"written: {chosen.out}")


if __name__ == "__main__":
    main()
