"""Provenance: committed results that say how they were made.

A long measurement is run by one command, and its small result is kept as JSON beside the code: the
settings, the seeds, the versions of what computed it and the time it took stand in the same file.
Files are written whole or not at all, so a killed run never leaves half a result.

>>> import tempfile
>>> from pathlib import Path
>>> folder = tempfile.TemporaryDirectory()
>>> file = Path(folder.name) / "coin.json"
>>> write_result(file, {"heads": 3}, settings={"tosses": 7}, seeds=[0], seconds=0.1)
>>> read_result(file)["heads"], read_result(file)["provenance"]["seeds"]
(3, [0])
>>> folder.cleanup()
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import platform
import tempfile
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

__all__ = [
    "digest",
    "provenance",
    "read_json",
    "read_result",
    "versions",
    "write_json",
    "write_result",
]

FIELDS = ("settings", "seeds", "versions", "seconds")


def versions(*packages: str) -> dict[str, str]:
    """Return the versions of Python, torch, numpy and any further `packages` that are named.

    Raises `importlib.metadata.PackageNotFoundError` if a named package is not installed.

    >>> sorted(versions())
    ['numpy', 'python', 'torch']
    """
    named = {name: version(name) for name in ("torch", "numpy", *packages)}
    return {"python": platform.python_version(), **named}


def provenance(
    *,
    settings: Mapping[str, Any],
    seeds: Sequence[int],
    seconds: float,
    packages: Sequence[str] = (),
) -> dict[str, Any]:
    """Return the record that stands beside a result.

    `settings`: JSON values by name; `seeds`: the integers that fix all randomness; `seconds`: wall-clock
    time of the computation, >= 0. Nothing in it names the machine or the user.

    >>> provenance(settings={"n": 2}, seeds=range(2), seconds=1.26)["seconds"]
    1.3
    """
    if not (math.isfinite(seconds) and seconds >= 0):
        raise ValueError(f"seconds: {seconds} is given, but a finite time >= 0 is needed")
    return {
        "settings": dict(settings),
        "seeds": [int(seed) for seed in seeds],
        "versions": versions(*packages),
        "seconds": round(float(seconds), 1),
    }


def digest(value: Any) -> str:
    """Return 16 hexadecimal digits of the SHA-256 of `value`'s canonical JSON; the order of keys is no matter.

    Raises a ValueError where `value` holds NaN or an infinity, a TypeError where it is not JSON.

    >>> digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1}) != digest({"a": 1, "b": 3})
    True
    """
    text = json.dumps(value, sort_keys=True, ensure_ascii=True, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def write_json(path: str | os.PathLike[str], value: Any) -> None:
    """Write `value` as strict JSON to `path`, whole or not at all; folders are made as needed.

    The text goes to a temporary file in the same folder, which then takes the place of `path` in one
    step. Raises a ValueError, and leaves `path` as it was, if `value` holds NaN or an infinity.
    """
    path = Path(path)
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    except ValueError as error:
        raise ValueError(
            f"value: JSON for {path.name} can hold only finite numbers ({error})"
        ) from error
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
            file.write(text + "\n")
            file.flush()
            os.fsync(file.fileno())
        os.chmod(name, 0o644)
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def read_json(path: str | os.PathLike[str]) -> Any:
    """Read JSON from `path`; raises a ValueError that names the file where it is not whole JSON."""
    path = Path(path)
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        raise ValueError(f"path: {path.name} does not hold whole JSON ({error})") from error


def write_result(
    path: str | os.PathLike[str],
    result: Mapping[str, Any],
    *,
    settings: Mapping[str, Any],
    seeds: Sequence[int],
    seconds: float,
    packages: Sequence[str] = (),
) -> None:
    """Write `result` with its provenance to `path`, whole or not at all.

    `result` must be strict JSON without a key named "provenance"; the other arguments are those of
    `provenance`. Raises a ValueError if that name is taken or a number is not finite.
    """
    if "provenance" in result:
        raise ValueError("result: the key 'provenance' is given, but it is filled by write_result")
    record = provenance(settings=settings, seeds=seeds, seconds=seconds, packages=packages)
    write_json(path, {"provenance": record, **result})


def read_result(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Read a result with its provenance from `path`.

    Raises a ValueError if settings, seeds, versions or run time are missing: a number without them
    does not count as a result.
    """
    result = read_json(path)
    record = result.get("provenance") if isinstance(result, dict) else None
    missing = [name for name in FIELDS if not isinstance(record, dict) or name not in record]
    if missing:
        raise ValueError(f"path: {Path(path).name} lacks provenance: {', '.join(missing)}")
    return result
