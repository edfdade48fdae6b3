"""The house rules that a machine can see: sizes, floors, reasons for dependencies, a README that runs."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import torch
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
SOURCES = sorted((ROOT / "softbook").rglob("*.py"))
# Imports only go down. What is not named here is a result package, on floor 3.
FLOORS = {
    "attention": 1,
    "checks": 1,
    "kernels": 1,
    "knobs": 1,
    "numbers": 1,
    "provenance": 1,
    "reporting": 1,
    "rooms": 1,
    "plotting": 2,
    "claims": 2,
    "explore": 2,
    "sweep": 2,
    "commands": 4,
    "live": 4,
    "publish": 4,
    "notebooks": 4,
    "__main__": 4,
}
RESULTS = 3
# Chapter 5 steers the sampler of chapter 3: the one result that stands on another.
STANDS_ON = {"domino": {"diffusion"}}
FILE_LINES, FUNCTION_LINES = 300, 60


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def long_functions(source: str) -> list[str]:
    return [
        node.name
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.FunctionDef) and _length(node) > FUNCTION_LINES
    ]


def _length(function: ast.FunctionDef) -> int:
    """Count a function's lines without its docstring: explaining much is no fault."""
    text = ast.get_docstring(function, clean=False) or ""
    return (function.end_lineno or 0) - function.lineno + 1 - len(text.splitlines())


def imported(source: str) -> set[str]:
    """Return the parts of `softbook` that a module imports, wherever in it."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
            if node.module == "softbook":
                found |= {f"softbook.{alias.name}" for alias in node.names}
    return {part.split(".")[1] for part in found if part.startswith("softbook.")}


def climbs(part: str, source: str) -> list[str]:
    """Return the parts that a module of `part` may not import."""
    own = FLOORS.get(part, RESULTS)
    return sorted(
        other
        for other in imported(source) - {part} - STANDS_ON.get(part, set())
        if FLOORS.get(other, RESULTS) > own or (own == RESULTS == FLOORS.get(other, RESULTS))
    )


def test_files_and_functions_are_short():
    texts = {name(path): path.read_text("utf-8") for path in SOURCES}
    long = {path: len(text.splitlines()) for path, text in texts.items()}
    assert {path: lines for path, lines in long.items() if lines > FILE_LINES} == {}
    functions = {path: long_functions(text) for path, text in texts.items()}
    assert {path: found for path, found in functions.items() if found} == {}


def test_imports_only_go_down():
    found = {}
    for path in SOURCES:
        part = path.relative_to(ROOT / "softbook").parts[0].removesuffix(".py")
        if part != "__init__":
            found[name(path)] = climbs(part, path.read_text("utf-8"))
    assert {path: parts for path, parts in found.items() if parts} == {}


def test_a_planted_climb_and_a_planted_long_function_are_seen():
    assert climbs("knobs", "from softbook.explore import explore") == ["explore"]
    assert climbs("relu_softmax", "import softbook.ssd.theory") == ["ssd"]
    assert climbs("relu_softmax", "from softbook.claims import Claim") == []
    assert climbs("domino", "from softbook.diffusion import grid_of") == []
    assert climbs("diffusion", "from softbook.domino import rollout") == ["domino"]
    assert climbs("domino", "import softbook.induction, softbook.publish") == [
        "induction",
        "publish",
    ]
    assert long_functions("def f():\n" + "    x = 1\n" * FUNCTION_LINES) == ["f"]


def requirements(file: str) -> Iterator[Requirement]:
    for line in (ROOT / file).read_text("utf-8").splitlines():
        if line.strip() and not line.startswith("#"):
            yield Requirement(line.strip())


def test_direct_dependencies_are_pinned_installed_and_have_a_reason():
    reasons = (ROOT / "docs/decisions/0006-dependencies.md").read_text("utf-8")
    named = set(
        re.findall(r"[\w-]+", " ".join(re.findall(r"^\| ([^|]+) \|", reasons, re.MULTILINE)))
    )
    for requirement in requirements("requirements.txt"):
        assert requirement.name in named, f"{requirement.name} has no reason in decision 0006"
        # A build tag such as +cpu is the same version.
        assert requirement.specifier.contains(version(requirement.name)), requirement


def test_constraints_pin_exactly_and_repeat_no_direct_dependency():
    direct = {canonicalize_name(r.name) for r in requirements("requirements.txt")}
    pinned = [canonicalize_name(r.name) for r in requirements("constraints.txt")]
    assert len(pinned) == len(set(pinned))
    assert not direct & set(pinned)
    assert all(str(r.specifier).startswith("==") for r in requirements("constraints.txt"))


def test_the_readme_runs():
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text("utf-8"), re.DOTALL)
    network = torch.nn.Sequential(torch.nn.Linear(3, 5), torch.nn.ReLU(), torch.nn.Linear(5, 2))
    x = torch.randn(4, 3, generator=torch.Generator().manual_seed(0))

    def figure(slope: float) -> object:
        from softbook.plotting import chart, curve

        line = curve([0, 1], [0, slope], "measured", "line")
        return chart([line], title="A line", x="x", y="y")

    names = {"your_relu_network": network, "x": x, "my_plotly_figure": figure}
    for block in blocks:
        exec(block, names)
    assert len(blocks) == 2
    assert (names["answer"] - network(x)).abs().le(names["bound"]).all()


def test_the_readme_names_only_what_is_there():
    text = (ROOT / "README.md").read_text("utf-8")
    links = re.findall(r"\]\(([^)#:]+)\)", text)
    missing = [link for link in links if not (ROOT / link).exists()]
    assert not missing
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    assert set(re.findall(r"`?make ([a-z]+)", text)) - {"itself"} <= targets
