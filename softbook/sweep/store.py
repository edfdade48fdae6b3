"""Finished runs on disk: one file a function and code, one line a run, each with its checksum.

Only one process writes a file, under a lock that the operating system takes back when that process
dies. A line is appended in one call and brought to the disk before the next, so a kill can tear
only the last line; what is torn is cut off when the file is next opened for writing.

>>> import tempfile
>>> folder = tempfile.TemporaryDirectory()
>>> store = Store(Path(folder.name) / "coin.jsonl", about={"function": "coin"})
>>> with store:
...     store.append("1f", {"seed": 0, "value": "heads"})
>>> store.read()
{'1f': {'seed': 0, 'value': 'heads'}}
>>> folder.cleanup()
"""

from __future__ import annotations

import hashlib
import os
import re
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from softbook.sweep import plain

__all__ = ["Store"]

LINE = re.compile(rb'\{"check":"([0-9a-f]{16})","(about|run)":(.*)\}', re.DOTALL)


def _line(kind: str, content: Mapping[str, Any]) -> bytes:
    body = plain.text(content).encode()
    return b'{"check":"%s","%s":%s}\n' % (_check(body), kind.encode(), body)


def _check(body: bytes) -> bytes:
    return hashlib.sha256(body).hexdigest()[:16].encode()


def _content(line: bytes) -> tuple[str, dict[str, Any]] | None:
    """Return kind and content of a line without its end, or None if it is not whole."""
    found = LINE.fullmatch(line)
    if found is None or _check(found[3]) != found[1]:
        return None
    return found[2].decode(), plain.value(found[3].decode())


class Store:
    """The finished runs in one file, by key. Reading needs no lock; `with` allows to append.

    Parameters
    ----------
    path
        The file, made with its folder when the first run is appended.
    about
        What the file says of itself in its first line.
    """

    def __init__(self, path: Path, about: Mapping[str, Any]) -> None:
        self.path, self._about = path, about
        self._lock = FileLock(f"{path}.lock")
        self._handle: int | None = None

    def read(self) -> dict[str, dict[str, Any]]:
        """Return what is kept, by key, in the order in which it came.

        A torn last line is passed over. A damaged line before it is passed over with a warning, and so
        is a run that is there twice with the same content.

        Raises
        ------
        ValueError
            If two lines hold different values for the same run: which one is right cannot be known.
        """
        lines = self.path.read_bytes().split(b"\n")[:-1] if self.path.exists() else []
        kept: dict[str, dict[str, Any]] = {}
        for number, line in enumerate(lines, 1):
            entry = _content(line)
            if entry is None:
                self._warn(
                    number, "is damaged (its checksum does not fit), and that run is done again"
                )
            elif entry[0] == "run":
                key = entry[1].pop("key")
                if key in kept:
                    self._twice(number, kept[key], entry[1])
                kept.setdefault(key, entry[1])
        return kept

    def _twice(self, number: int, first: dict[str, Any], second: dict[str, Any]) -> None:
        if plain.text(first["value"]) != plain.text(second["value"]):
            run = plain.text({name: first[name] for name in ("settings", "seed")})
            raise ValueError(
                f"cache: line {number} of {self.path} holds another value for {run} than an earlier "
                "line; the function is not repeatable, or files were joined; delete the wrong line"
            )
        self._warn(number, "repeats a run that an earlier line has already")

    def _warn(self, number: int, what: str) -> None:
        warnings.warn(
            f"cache: line {number} of {self.path} {what}; delete the line to be rid of this warning",
            RuntimeWarning,
            stacklevel=2,
        )

    def __enter__(self) -> Store:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._lock.acquire(timeout=0)
        except Timeout:
            raise RuntimeError(
                f"cache: another sweep is writing to {self.path}; wait for it, or give this one another "
                "folder"
            ) from None
        new = not self.path.exists()
        self._handle = os.open(
            self.path, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o644
        )
        self._heal()
        if os.lseek(self._handle, 0, os.SEEK_END) == 0:
            self._write(_line("about", self._about))
        if new:
            _sync_folder(self.path.parent)
        return self

    def __exit__(self, *error: object) -> None:
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None
        self._lock.release()

    def append(self, key: str, run: Mapping[str, Any]) -> None:
        """Append one finished run; when this returns, it is on the disk.

        Raises an OSError, and leaves the file as it was, where the line cannot be written whole.
        """
        self._write(_line("run", {"key": key, **run}))

    def _heal(self) -> None:
        """Cut off what stands after the last end of a line."""
        handle = self._open()
        content = self.path.read_bytes()
        os.ftruncate(handle, content.rfind(b"\n") + 1)

    def _open(self) -> int:
        if self._handle is None:
            raise RuntimeError(f"cache: {self.path} is written only inside `with`")
        return self._handle

    def _write(self, line: bytes) -> None:
        handle = self._open()
        start = os.lseek(handle, 0, os.SEEK_END)
        try:
            written = os.write(handle, line)
            if written < len(line):
                raise OSError(f"{self.path}: the disk took {written} of {len(line)} bytes")
            os.fsync(handle)
        except OSError:
            os.ftruncate(handle, start)
            raise


def _sync_folder(folder: Path) -> None:
    # On Windows a folder cannot be opened, and its entries need no help.
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
