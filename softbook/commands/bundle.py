"""`python -m softbook zip`: the built book as one archive that opens from a disk."""

from __future__ import annotations

import argparse
import sys
import zipfile
from pathlib import Path
from typing import Any

TOP, START = "softbook", "START.html"
# The same book gives the same bytes: the archive knows no hour.
TIME = (2026, 1, 1, 0, 0, 0)
# What only a server or the next build reads.
LEFT_OUT = {".buildinfo", "objects.inv", ".doctrees"}
# Who may do what with it, and how it is cited, goes along.
TERMS = ("LICENSE", "LICENSE-TEXT", "CITATION.cff")
ROOT = Path(__file__).parents[2]
OPEN = (
    '<!doctype html>\n<html lang="en"><meta charset="utf-8"><title>Softbook</title>\n'
    f'<meta http-equiv="refresh" content="0; url={TOP}/index.html">\n'
    f'<p><a href="{TOP}/index.html">Open the book</a></p></html>\n'
)


def add(commands: Any) -> None:
    """Add the command and its options to argparse's `commands`."""
    parser = commands.add_parser("zip", help="write the built book as one archive")
    parser.add_argument("--html", type=Path, default=Path("_build/html"), help="(%(default)s)")
    parser.add_argument("--out", type=Path, default=Path("softbook.zip"), help="(%(default)s)")


def files_of(html: Path) -> list[Path]:
    """Return the book's files in a fixed order.

    Raises a FileNotFoundError if no book is there.

    >>> files_of(Path("nowhere"))
    Traceback (most recent call last):
    ...
    FileNotFoundError: nowhere holds no built book; make book builds one
    """
    if not (html / "index.html").is_file():
        raise FileNotFoundError(f"{html} holds no built book; make book builds one")
    found = (path for path in html.rglob("*") if path.is_file())
    return sorted(path for path in found if not LEFT_OUT & set(path.relative_to(html).parts))


def write(html: Path, out: Path) -> int:
    """Write the archive and return how many files it holds; an old one is replaced when all is written."""
    files = files_of(html)
    contents = {START: OPEN.encode()} | {name: (ROOT / name).read_bytes() for name in TERMS}
    part = out.with_name(out.name + ".part")
    with zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, data in contents.items():
            archive.writestr(_entry(name), data, zipfile.ZIP_DEFLATED)
        for path in files:
            entry = _entry(f"{TOP}/{path.relative_to(html).as_posix()}")
            archive.writestr(entry, path.read_bytes(), zipfile.ZIP_DEFLATED)
    part.replace(out)
    return len(files) + len(contents)


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, TIME)
    entry.external_attr = 0o644 << 16
    return entry


def run(options: argparse.Namespace) -> int:
    """Write the archive and say what it holds; return 0, or 2 with a sentence if no book is built."""
    try:
        count = write(options.html, options.out)
    except FileNotFoundError as error:
        print(error, file=sys.stderr)
        return 2
    size = options.out.stat().st_size / 1e6
    print(f"{options.out}: {count} files, {size:.1f} MB; unpack it and open {START}")
    return 0
