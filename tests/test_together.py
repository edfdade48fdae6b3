"""Several workers at once: each file's tests keep together, and what they say is printed once."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

TESTS = Path(__file__).parent
FILE = """
import os
import pytest

@pytest.mark.parametrize("where", [("mini", "one"), ("mini", "two")], ids=":".join)
@pytest.mark.parametrize("way", range(4))
def test_says(where, way, report):
    report.append(f"{where[1]} ran in worker {os.environ['PYTEST_XDIST_WORKER']}")
    report.append("WARNING: said by all")
"""


def options() -> list[str]:
    """What `make test` asks for, on two workers."""
    makefile = (TESTS.parent / "Makefile").read_text("utf-8")
    asked = re.search(r"^TOGETHER := (.*)$", makefile, re.MULTILINE)
    assert asked is not None
    return asked[1].replace("logical", "2").split()


def run(folder: Path, *more: str) -> str:
    """Run two files, with two places each; return what was printed."""
    for name in ("conftest.py", "pyproject.toml"):
        shutil.copy(TESTS.parent / name, folder)
    (folder / "tests").mkdir()
    for name in ("conftest.py", "said.py"):
        shutil.copy(TESTS / name, folder / "tests")
    for name in ("first", "second"):
        (folder / "tests" / f"test_{name}.py").write_text(FILE.replace("{where", f"{name} {{where"))
    outcome = subprocess.run(
        [sys.executable, "-m", "pytest", *options(), *more, "tests"],
        cwd=folder,
        env={k: v for k, v in os.environ.items() if not k.startswith("PYTEST_")},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr
    assert "16 passed" in outcome.stdout
    return outcome.stdout


def workers(printed: str) -> dict[tuple[str, str], set[str]]:
    """Which workers ran the tests of each file and place."""
    ran: dict[tuple[str, str], set[str]] = {}
    for file, place, worker in re.findall(
        r"^(first|second) (one|two) ran in worker gw(\d)$", printed, re.MULTILINE
    ):
        ran.setdefault((file, place), set()).add(worker)
    assert len(ran) == 4
    return ran


def test_workers_hand_on_what_tests_say_and_keep_a_place_together(tmp_path: Path):
    printed = run(tmp_path)
    ran = workers(printed)
    assert all(len(some) == 1 for some in ran.values())
    assert set.union(*ran.values()) == {"0", "1"}
    assert len(re.findall("WARNING: said by all", printed)) == 1


def test_a_place_whose_tests_are_scattered_is_seen(tmp_path: Path):
    ran = workers(run(tmp_path, "--dist", "load"))
    assert any(len(some) == 2 for some in ran.values())
