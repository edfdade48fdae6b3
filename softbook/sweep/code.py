"""The key of a function's code: it changes with whatever could change what the function returns.

It covers the function itself, the module that it stands in, everything in `softbook` that this module
imports, the values that the function closes over, and the versions of Python, torch, numpy and scipy.
It does not cover data files, nor modules that are imported by a computed name.

>>> from softbook.provenance import digest
>>> code_of(digest).key == code_of(digest).key != code_of(code_of).key
True
>>> list(code_of(digest).modules)
['softbook.provenance']
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any

from softbook.provenance import digest, versions
from softbook.sweep import plain
from softbook.sweep.sources import closure, fingerprint, imports, module_file

__all__ = ["Code", "code_of"]


@dataclass(frozen=True)
class Code:
    """What a function's results depend on: its name and text, modules by fingerprint, and versions."""

    name: str
    text: str
    modules: Mapping[str, str]
    versions: Mapping[str, str]

    @cached_property
    def key(self) -> str:
        """16 hexadecimal digits that stand for all of it."""
        return digest([self.name, self.text, dict(self.modules), dict(self.versions)])

    def check_here(self) -> None:
        """Raise a RuntimeError unless this process has the same modules and versions.

        A worker on another machine may have an older `softbook`: its results would be kept under
        a key that is not theirs. What is not found here came with the function, and is the same.
        """
        for name, wanted in self.modules.items():
            found = None if name == "__main__" else _fingerprint_here(name)
            if found is not None and found != wanted:
                raise RuntimeError(
                    f"a worker's {name} is not the one that the sweep was started with; bring the same "
                    "code to all workers and start them anew"
                )
        if (found_versions := _versions()) != dict(self.versions):
            raise RuntimeError(
                f"a worker has {found_versions}, but the sweep was started with {dict(self.versions)}"
            )


@cache
def _fingerprint_here(name: str) -> str | None:
    # Kept from the first look on: a file that changes later is not what this process has loaded.
    file = module_file(name)
    return None if file is None else fingerprint(file)


@cache
def _versions() -> dict[str, str]:
    return versions("scipy")


def code_of(function: Callable[..., Any]) -> Code:
    """Return the `Code` of a function.

    Time: one pass over the source files that it imports, some milliseconds each.

    Raises
    ------
    TypeError
        If it is not a plain function, or if it uses a value whose change could not be seen: one that it
        closes over, or, where it stands in no file (a notebook), a global one.

    Examples
    --------
    >>> code_of(print)
    Traceback (most recent call last):
    ...
    TypeError: function: builtin_function_or_method is given, but one made by def is needed; ...
    """
    inner = inspect.unwrap(function)
    if not isinstance(inner, FunctionType):
        raise TypeError(
            f"function: {type(function).__name__} is given, but one made by def is needed; what it "
            "is called with besides the seed belongs into the grid"
        )
    text, modules = _Reader().read(inner)
    name = f"{inner.__module__}.{inner.__qualname__}"
    return Code(name, text, closure(modules) | _module_of(inner), _versions())


def _source(function: FunctionType) -> Path | None:
    """Return the file of the function's module if that is where the function was made."""
    file = getattr(sys.modules.get(function.__module__), "__file__", None)
    if file is None or not Path(file).is_file():
        return None
    return Path(file) if Path(function.__code__.co_filename) == Path(file) else None


def _module_of(function: FunctionType) -> dict[str, str]:
    # By its name alone, `__main__` or a test's module could not be found again.
    file = _source(function)
    return {} if file is None else {function.__module__: fingerprint(file)}


class _Reader:
    """Collects the text of a function and of what it reaches, and the modules to follow."""

    def __init__(self) -> None:
        self.modules: list[str] = []
        self.seen: set[int] = set()

    def read(self, function: FunctionType) -> tuple[str, list[str]]:
        return "\n".join(self._function(function)), self.modules

    def _function(self, function: FunctionType) -> Iterator[str]:
        if id(function) in self.seen:
            return
        self.seen.add(id(function))
        code = function.__code__
        yield _text(code, function.__doc__)
        for name, cell in zip(code.co_freevars, function.__closure__ or (), strict=True):
            yield from self._value(function, name, cell.cell_contents)
        if (file := _source(function)) is not None:
            self.modules += imports(
                file.read_text("utf-8"), function.__module__, file.name == "__init__.py"
            )
            return
        yield from self._value(function, "its defaults", list(function.__defaults__ or ()))
        yield from self._value(function, "its keyword defaults", function.__kwdefaults__ or {})
        for name in sorted(_names(code) & function.__globals__.keys()):
            yield from self._value(function, name, function.__globals__[name])

    def _value(self, function: FunctionType, name: str, given: Any) -> Iterator[str]:
        yield name
        if isinstance(given, ModuleType):
            self.modules.append(given.__name__)
            return
        inner = inspect.unwrap(given) if callable(given) else given
        module = getattr(inner, "__module__", None) or type(inner).__module__
        if isinstance(inner, FunctionType) and _source(inner) is None:
            yield from self._function(inner)
        elif callable(inner) and hasattr(inner, "__name__"):
            yield from self._named(inner, module)
        else:
            try:
                yield plain.text(inner, name)
            except TypeError:
                raise TypeError(
                    f"function: {function.__name__} uses {name}, of type {type(inner).__name__}, whose "
                    "change could not be seen; make it a setting, or put both into a file"
                ) from None

    def _named(self, thing: Any, module: str) -> Iterator[str]:
        """Read a class or function that is found by its name."""
        yield f"{module}.{thing.__name__}"
        self.modules.append(module)
        if isinstance(thing, type):
            for name, member in sorted(vars(thing).items()):
                inner = inspect.unwrap(member) if callable(member) else member
                # What a file holds is in its module's fingerprint.
                if isinstance(inner, FunctionType) and _source(inner) is None:
                    yield from self._value(inner, name, inner)


def _names(code: CodeType) -> set[str]:
    inner = [const for const in code.co_consts if isinstance(const, CodeType)]
    return set(code.co_names).union(*map(_names, inner))


def _text(code: CodeType, doc: str | None = None) -> str:
    """Return what a function does as text, free of its docstring, line numbers and hash seeds."""
    consts = [
        _text(const) if isinstance(const, CodeType) else _const(const)
        for const in code.co_consts
        if doc is None or const != doc
    ]
    return repr((code.co_code.hex(), consts, code.co_names, code.co_varnames, code.co_freevars))


def _const(const: Any) -> str:
    return repr(sorted(map(repr, const))) if isinstance(const, frozenset) else repr(const)
