"""The command line: `python -m benchmarks [PART ...]`; all parts without a name.

Parts that are not named keep their last rows in `benchmarks/results.json`.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks import builds, induction, jump_gpu, latency, pages, payloads, ssd, ssd_gpu

RESULTS = Path(__file__).with_name("results.json")
PACKAGES = ("torch", "numpy", "plotly", "jupyter-book", "sphinx", "myst-nb", "playwright")
PARTS: dict[str, Callable[[], list[dict[str, Any]]]] = {
    "payloads": payloads.measure,
    "latency": latency.measure,
    "pages": pages.measure,
    "ssd": ssd.measure,
    "induction": induction.measure,
    "ssd-gpu": ssd_gpu.measure,
    "jump-gpu": jump_gpu.measure,
    "builds": builds.measure_builds,
    "tests": builds.measure_tests,
}
SUMMARIES: dict[str, Callable[[list[dict[str, Any]]], str]] = {
    "payloads": payloads.summary,
    "latency": latency.summary,
    "pages": pages.summary,
    "ssd": ssd.summary,
    "induction": induction.summary,
    "ssd-gpu": ssd_gpu.summary,
    "jump-gpu": jump_gpu.summary,
}


def _print(rows: list[dict[str, Any]]) -> None:
    cells = [list(rows[0])] + [[str(value) for value in row.values()] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for line in cells:
        print("  " + "  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True)))


def main(arguments: list[str] | None = None) -> int:
    """Measure, print and record; return 1 where something to be measured is missing or fails."""
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(PARTS))
    options = parser.parse_args(arguments)
    unknown = sorted(set(options.parts) - set(PARTS))
    if unknown:
        parser.error(f"there is no part {unknown[0]}; there are {', '.join(PARTS)}")
    results = json.loads(RESULTS.read_text("utf-8")) if RESULTS.exists() else {}
    for name in options.parts or PARTS:
        start = time.perf_counter()
        try:
            rows = PARTS[name]()
        except (FileNotFoundError, RuntimeError) as error:
            print(f"{name}: {error}", file=sys.stderr)
            return 1
        print(f"{name} ({time.perf_counter() - start:.0f} s)")
        if not rows:
            continue
        _print(rows)
        if name in SUMMARIES:
            print(f"  {SUMMARIES[name](rows)}")
        results[name] = {
            "rows": rows,
            "versions": {"python": platform.python_version()} | {p: version(p) for p in PACKAGES},
            "system": platform.system(),
            "cores": builds.cores(),
        }
        RESULTS.write_text(json.dumps(results, indent=1) + "\n", "utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
