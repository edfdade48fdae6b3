"""Which files hold tests, and which tests go to a worker together."""

from __future__ import annotations

import re
from importlib.util import find_spec
from typing import Any

import pytest

# Where Triton is missing, the kernels that are written in it cannot be read for doctests.
collect_ignore_glob = [] if find_spec("triton") else ["softbook/kernels/*/gpu/*"]

PAGE = re.compile(r"\b(?:mini|book):[\w/]+")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """A worker takes a file at a time, or a file's tests of one page: what they share is made once."""
    if config.getvalue("dist") != "loadscope":
        return None
    from xdist.scheduler import LoadScopeScheduling

    class Places(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file, _, test = nodeid.partition("::")
            page = PAGE.search(test)
            return f"{file} {page[0]}" if page else file

    return Places(config, log)
