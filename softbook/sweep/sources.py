"""The source files behind a function: its own module's, and those that it imports, found by reading.

Followed are `softbook` and every module that is not part of Python or of an installed package: those
change while one works. Installed packages count by their version. Nothing is imported to find out.

>>> found = closure(["softbook.reporting", "softbook.knobs.ranges"])
>>> list(found), {len(value) for value in found.values()}
(['softbook.knobs.base', 'softbook.knobs.ranges', 'softbook.numbers', 'softbook.reporting'], {16})
"""

from __future__ import annotations

import ast
import hashlib
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from importlib.util import find_spec
from pathlib import Path

__all__ = ["closure", "fingerprint", "imports", "module_file", "own"]


def closure(modules: Iterable[str]) -> dict[str, str]:
    """Return the fingerprints of `modules` and of all that they import, by name, in order.

    A package's `__init__` counts where it is imported by name (`from softbook.ssd import decide`), not
    because a module below it is. What is not `own`, or is in no file, is left out. Each file is read once.
    """
    waiting, files = list(modules), {}
    while waiting:
        name = waiting.pop()
        if name in files or not own(name) or (file := module_file(name)) is None:
            continue
        files[name] = file
        waiting += imports(file.read_text("utf-8"), name, file.name == "__init__.py")
    return {name: fingerprint(files[name]) for name in sorted(files)}


def fingerprint(file: Path) -> str:
    """Return 16 hexadecimal digits of what a source file says, without comments, layout and docstrings.

    >>> fingerprint(module_file("softbook.checks")) == fingerprint(module_file("softbook.rooms"))
    False
    """
    return hashlib.sha256(_meaning(file.read_text("utf-8")).encode()).hexdigest()[:16]


def _meaning(source: str) -> str:
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0] if node.body else None
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                node.body = node.body[1:]
    return ast.dump(tree)


def imports(source: str, name: str, package: bool = False) -> Iterator[str]:
    """Yield the modules that the module `name` imports, wherever in its `source`.

    `from a import b` is the module `a.b` where there is one, and `a` otherwise. `package`: whether the
    source is a package's `__init__`, whose relative imports start one level lower.

    >>> sorted(imports("import numpy\\ndef f():\\n    from softbook import rooms", "mine"))
    ['numpy', 'softbook.rooms']
    >>> list(imports("from . import rooms", "softbook.checks"))
    ['softbook.rooms']
    """
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = _base(node, name.split("."), package)
            for alias in node.names:
                inner = f"{base}.{alias.name}"
                yield inner if own(base) and module_file(inner) is not None else base


def _base(node: ast.ImportFrom, parts: list[str], package: bool) -> str:
    if not node.level:
        return node.module or ""
    above = parts[: len(parts) + package - node.level]
    return ".".join([*above, node.module] if node.module else above)


def module_file(name: str) -> Path | None:
    """Return the source file of a module, or None where there is none; only its top package is looked up.

    >>> module_file("softbook.sweep.sources").name, module_file("softbook.nowhere")
    ('sources.py', None)
    """
    top, *rest = name.split(".")
    loaded = sys.modules.get(top)
    if not rest and (file := getattr(loaded, "__file__", None)):
        return _python(Path(file))
    try:
        spec = find_spec(top)
    except (ImportError, ValueError):
        return None
    if spec is None:
        return None
    if not rest:
        return _python(Path(spec.origin)) if spec.origin else None
    for folder in spec.submodule_search_locations or ():
        place = Path(folder, *rest)
        for inner in (place / "__init__.py", place.with_name(f"{place.name}.py")):
            if inner.is_file():
                return inner
    return None


def _python(file: Path) -> Path | None:
    return file if file.suffix == ".py" and file.is_file() else None


def own(name: str) -> bool:
    """Tell whether a module is followed: `softbook`, and what is neither Python's nor installed.

    >>> own("softbook.sweep"), own("json"), own("numpy.linalg")
    (True, False, False)
    """
    top = name.split(".")[0]
    if top == "softbook":
        return True
    if not top or top in sys.stdlib_module_names or (file := module_file(top)) is None:
        return False
    installed = {
        sysconfig.get_path(kind) for kind in ("stdlib", "platstdlib", "purelib", "platlib")
    }
    return not (
        {"site-packages", "dist-packages"} & set(file.parts)
        or any(Path(folder) in file.parents for folder in installed)
    )
