"""The key of the code: it changes with what could change a result, and with nothing else."""

from __future__ import annotations

import linecache
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

import softbook
import softbook.sweep.code as code_module
from softbook.sweep import plan, sweep
from softbook.sweep.code import code_of
from softbook.sweep.sources import closure, imports, module_file, own

LIBRARY = Path(softbook.__file__).parent
FILES = {
    "lab/__init__.py": "",
    "lab/inner.py": "STEPS = 3\n",
    "lab/outer.py": "from .inner import STEPS\n\ndef half(n):\n    return n / 2 + STEPS\n",
    "mine.py": '''"""A module."""
from softbook.checks import count
from lab import outer

def helper(n):
    return n + 1

def job(seed, n):
    """Say what it does."""
    return outer.half(helper(count("n", n)))  # half
''',
}


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """A copy of the library and a reader's own files beside it."""
    folder = tmp_path_factory.mktemp("tree")
    shutil.copytree(LIBRARY, folder / "softbook", ignore=shutil.ignore_patterns("__pycache__"))
    for name, text in FILES.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text, "utf-8")
    return folder


def key(tree):
    script = "import mine; from softbook.sweep.code import code_of; print(code_of(mine.job).key)"
    done = subprocess.run(
        [sys.executable, "-B", "-c", script],
        cwd=tree,
        env={**os.environ, "PYTHONPATH": str(tree), "PYTHONHASHSEED": "random"},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


@pytest.mark.parametrize(
    ("file", "old", "new", "changes"),
    [
        ("mine.py", "n + 1", "n + 2", True),
        ("mine.py", "outer.half(", "outer.half(1 * ", True),
        ("softbook/checks.py", "if value < least", "if value <= least", True),
        ("lab/outer.py", "n / 2", "n / 3", True),
        ("lab/inner.py", "STEPS = 3", "STEPS = 4", True),
        ("mine.py", "# half", "# a half", False),
        ("mine.py", "Say what it does", "Say what it may do", False),
        ("mine.py", "A module", "One module", False),
        ("softbook/checks.py", '"""Return `value` as an int', '"""Return it as an int', False),
        ("softbook/reporting.py", "DIGITS = 6", "DIGITS = 7", False),
    ],
)
def test_the_key_follows_the_code_that_is_called(tree, file, old, new, changes):
    before, text = key(tree), (tree / file).read_text("utf-8")
    assert old in text
    try:
        (tree / file).write_text(text.replace(old, new), "utf-8")
        assert (key(tree) != before) is changes
    finally:
        (tree / file).write_text(text, "utf-8")
    assert key(tree) == before


def test_versions_are_in_the_key(monkeypatch):
    before = code_of(own).key
    monkeypatch.setattr(code_module, "_versions", lambda: {"torch": "1.0"})
    assert code_of(own).key != before


def typed(text, **names):
    """Return the function `job` as if it were typed into a notebook."""
    space = {"__name__": "__main__", **names}
    exec(compile(text, "<cell>", "exec"), space)
    linecache.checkcache()
    return space["job"]


def test_a_function_of_a_notebook_brings_the_globals_that_it_reaches():
    text = "def helper(n):\n    return n + STEPS\ndef job(seed, n):\n    return helper(n)\n"
    before = code_of(typed(text, STEPS=3)).key
    assert code_of(typed(text, STEPS=3, UNUSED=1)).key == before
    assert code_of(typed("# a comment\n\n" + text, STEPS=3)).key == before
    assert code_of(typed(text, STEPS=4)).key != before
    assert code_of(typed(text.replace("n + S", "n - S"), STEPS=3)).key != before
    assert code_of(typed(text.replace("(seed, n)", "(seed, n=1)"), STEPS=3)).key != before


def test_a_notebooks_imports_and_classes_count():
    import softbook.checks as checks

    text = "class Model:\n    def run(self, n):\n        return n * 2\n"
    text += "def job(seed, n):\n    return Model().run(checks.count('n', n))\n"
    first, second = (code_of(typed(part, checks=checks)) for part in (text, text.replace("2", "3")))
    assert first.key != second.key
    assert list(first.modules) == ["softbook.checks"]
    named = text.replace("checks.count", "count")
    assert list(code_of(typed(named, count=checks.count)).modules) == ["softbook.checks"]


def test_what_is_closed_over_counts():
    def make(slope, torch=torch):
        def job(seed, n):
            return torch.tensor(slope * n).item()

        return job

    assert code_of(make(1.0)).key == code_of(make(1.0)).key != code_of(make(2.0)).key
    with pytest.raises(
        TypeError, match="job uses slope, of type Linear, whose change could not be"
    ):
        code_of(make(torch.nn.Linear(2, 2)))


@pytest.mark.parametrize("thing", [len, type("Job", (), {"__call__": lambda self, seed: 0})()])
def test_only_plain_functions_have_a_key(thing):
    with pytest.raises(TypeError, match="but one made by def is needed"):
        plan(thing, {"n": [1]}, seeds=[0], cache=None)


def test_recursion_ends():
    def down(seed, n):
        return n if n < 1 else down(seed, n - 1)

    assert sweep(down, {"n": [3]}, seeds=[0], cache=None).value() == 0


def test_imports_are_found_wherever_they_stand():
    source = "def f():\n    import a.b\n    from c import d as e, g\ntry:\n    from ..up import x\nexcept ImportError:\n    pass"
    assert set(imports(source, "p.q.r")) == {"a.b", "c", "p.up"}
    assert set(imports("from .inner import x", "p.q", package=True)) == {"p.q.inner"}
    assert set(imports("from softbook.sweep import plain, sweep", "m")) == {
        "softbook.sweep.plain",
        "softbook.sweep",
    }


def test_packages_are_followed_where_they_are_named():
    by_package = closure(["softbook.sweep"])
    assert {"softbook.sweep.run", "softbook.sweep.cluster", "softbook.provenance"} <= set(
        by_package
    )
    assert "softbook.sweep" not in closure(["softbook.sweep.plain"])
    assert not [name for name in by_package if not name.startswith("softbook")]
    assert [own(name) for name in ("torch", "os", "site", "nowhere")] == [False] * 4
    assert module_file("softbook.sweep").name == "__init__.py"


def test_a_worker_with_other_code_or_versions_refuses():
    code = code_of(own)
    code.check_here()
    (name,) = set(code.modules) - {"softbook.sweep"}
    with pytest.raises(RuntimeError, match=f"a worker's {name} is not the one"):
        replace(code, modules={name: "0" * 16}).check_here()
    with pytest.raises(RuntimeError, match=r"but the sweep was started with .*'1.0'"):
        replace(code, versions={"torch": "1.0"}).check_here()
    # What only the caller has came with the function.
    replace(code, modules={"__main__": "0" * 16, "nowhere": "0" * 16}).check_here()
