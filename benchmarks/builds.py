"""How long the book takes to build, from nothing and again, and the tests to run."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]


def _timed(command: list[str], folder: Path) -> tuple[float, str]:
    start = time.perf_counter()
    run = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - start
    if run.returncode:
        raise RuntimeError(f"{' '.join(command)} failed:\n{run.stdout[-3000:]}{run.stderr[-3000:]}")
    return seconds, run.stdout


def _together() -> list[str]:
    """Return the options with which `make test` shares the tests among workers."""
    makefile = (ROOT / "Makefile").read_text("utf-8")
    found = re.search(r"^TOGETHER := (.*)$", makefile, re.MULTILINE)
    if found is None:
        raise ValueError("Makefile: it says no more how tests are shared (TOGETHER)")
    return found[1].split()


def _builder() -> str:
    found = shutil.which("jupyter-book", path=str(Path(sys.executable).parent))
    if found is None:
        raise FileNotFoundError("jupyter-book is not installed beside this Python")
    return found


def measure_builds() -> list[dict[str, Any]]:
    """Return the seconds of three builds in a scratch folder.

    cold: nothing is cached; warm: each chapter's text has changed, its cells have not; idle: nothing
    has changed.
    """
    command = [_builder(), "build", ".", "--path-output", ".", "-W", "--keep-going"]
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        shutil.copytree(ROOT / "book", folder / "book", ignore=shutil.ignore_patterns("*.ipynb"))
        for name in ("_config.yml", "_toc.yml"):
            shutil.copy2(ROOT / name, folder)
        rows = [{"build": "cold", "seconds": round(_timed(command, folder)[0], 1)}]
        for chapter in (folder / "book").glob("*.md"):
            chapter.write_text(chapter.read_text("utf-8") + "\nOne more sentence.\n", "utf-8")
        rows.append({"build": "warm", "seconds": round(_timed(command, folder)[0], 1)})
        rows.append({"build": "idle", "seconds": round(_timed(command, folder)[0], 1)})
    return rows


def measure_tests() -> list[dict[str, Any]]:
    """Return the seconds and counts of the two test runs of `make test`, on the book as built."""
    notebooks = [str(path.relative_to(ROOT)) for path in sorted((ROOT / "book").glob("*.ipynb"))]
    runs = {
        "unit, property, doctest, browser": ["-q"],
        "notebooks": ["-q", "--nbval-lax", "--nbval-current-env", *notebooks],
    }
    rows = []
    for name, options in runs.items():
        seconds, text = _timed([sys.executable, "-m", "pytest", *_together(), *options], ROOT)
        passed = re.search(r"(\d+) passed", text)
        count = int(passed.group(1)) if passed else 0
        rows.append({"tests": name, "passed": count, "seconds": round(seconds, 1)})
    return rows


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
