"""What the tests in JupyterLab say at the end of a run."""

from __future__ import annotations

from typing import Any

import pytest

REPORT: list[str] = []


def pytest_terminal_summary(terminalreporter: Any) -> None:
    for line in REPORT:
        terminalreporter.write_line(line, yellow="WARNING" in line, bold="WARNING" in line)


@pytest.fixture(scope="session")
def lab_report() -> list[str]:
    return REPORT
