"""What all tests share: shapes and types checked at run time, few threads, repeatable draws.

The import hook must stand before `softbook` is imported anywhere; pytest reads this file first.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import jaxtyping
import pytest
import torch
from beartype import BeartypeConf, beartype
from hypothesis import HealthCheck, settings

from .said import LINES

# The hook takes its checker by name, and this file has none that can be imported.
checker = ModuleType("softbook_checker")
# As in PEP 484, an integer is a float.
checker.check = beartype(conf=BeartypeConf(is_pep484_tower=True))  # type: ignore[attr-defined]
sys.modules[checker.__name__] = checker

# Every annotated function of the library checks its arguments' shapes and types while tests run.
# SOFTBOOK_TYPECHECK=0 runs them as a reader would, to see that nothing leans on the check.
if os.environ.get("SOFTBOOK_TYPECHECK", "1") != "0":
    jaxtyping.install_import_hook("softbook", "softbook_checker.check")

torch.set_num_threads(1)

# A failing draw must fail again tomorrow: examples follow from the test's own code, and slow
# machines do not turn a passing test red. `--hypothesis-profile=search` draws anew each time.
settings.register_profile(
    "default", derandomize=True, deadline=None, max_examples=50, print_blob=True
)
settings.register_profile("quick", derandomize=True, deadline=None, max_examples=10)
settings.register_profile(
    "search", deadline=None, max_examples=500, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("default")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Browser tests come last: playwright leaves an event loop running, which others would find."""
    items.sort(key=lambda item: item.get_closest_marker("browser") is not None)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """One of several workers hands what its tests said to the process that prints it."""
    handed = getattr(session.config, "workeroutput", None)
    if handed is not None:
        handed["said"] = LINES


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    LINES.extend(getattr(node, "workeroutput", {}).get("said", []))


def pytest_terminal_summary(terminalreporter: Any) -> None:
    for line in sorted(set(LINES)):
        loud = line.startswith("WARNING")
        terminalreporter.write_line(line, yellow=loud, bold=loud)


@pytest.fixture(scope="session")
def report() -> list[str]:
    """Lines added here are printed when all tests have run."""
    return LINES


@pytest.fixture
def as_reader() -> Iterator[None]:
    """Without the check of shapes and types: what the library itself says to bad input is tested."""
    jaxtyping.config.update("jaxtyping_disable", True)
    try:
        yield
    finally:
        jaxtyping.config.update("jaxtyping_disable", False)
