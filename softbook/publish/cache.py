"""The key of the execution cache.

jupyter-cache compares the source of cells only: after a change in the library it would show old
outputs. Its folder is therefore named by a hash of the library, of the committed results that
chapters read, and of the versions that compute.

>>> len(library_key()) == 16 and library_key() == library_key()
True
"""

from __future__ import annotations

import hashlib
import platform
import shutil
from collections.abc import Iterable, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

__all__ = ["cache_folder", "files_key", "library_key", "publish_key"]

PACKAGE = Path(__file__).resolve().parents[1]
# These turn outputs into pages, serve them and run commands; none computes a cell's output.
OUTSIDE = ("publish", "live", "commands")
# MathJax, whose markup stands in the pages.
TYPESETTERS = ("django-static-mathjax",)
VERSIONS = ("torch", "numpy", "scipy", "scikit-learn", "plotly", "safetensors", "ipykernel")


def files_key(files: Iterable[Path], root: Path, extra: Sequence[str] = ()) -> str:
    """Return 16 hexadecimal digits that change with any file's name (below `root`) or content."""
    key = hashlib.sha256("\n".join(extra).encode())
    for file in sorted(files):
        content = hashlib.sha256(file.read_bytes()).hexdigest()
        key.update(f"\n{file.relative_to(root).as_posix()} {content}".encode())
    return key.hexdigest()[:16]


def _sources(folder: Path) -> list[Path]:
    return [
        file
        for file in folder.rglob("*")
        if file.is_file() and "__pycache__" not in file.parts and not file.name.startswith(".")
    ]


def _versions(packages: Iterable[str]) -> list[str]:
    found = [f"python {platform.python_version()}"]
    for package in packages:
        try:
            found.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            found.append(f"{package} absent")
    return found


def library_key(data: Path | None = None) -> str:
    """Return the key of everything that an executed cell can depend on.

    Parameters
    ----------
    data
        The folder of committed results that chapters read, or None.

    Notes
    -----
    `softbook/publish` and the like are left out: what turns outputs into pages computes none.
    """
    outside = {PACKAGE / name for name in OUTSIDE}
    files = [file for file in _sources(PACKAGE) if not outside & set(file.parents)]
    results = ""
    if data is not None and data.is_dir():
        results = files_key(_sources(data), data)
    return files_key(files, PACKAGE, [*_versions(VERSIONS), results])


def publish_key() -> str:
    """Return the key of what turns outputs into pages; a change makes all pages be read again."""
    folder = PACKAGE / "publish"
    return files_key(_sources(folder), folder, _versions(TYPESETTERS))


def cache_folder(build: Path, key: str) -> Path:
    """Return the cache's folder for `key` below `build`, and delete those of other keys."""
    root = build / ".jupyter_cache"
    if root.is_dir():
        for old in root.iterdir():
            if old.name != key:
                shutil.rmtree(old) if old.is_dir() else old.unlink()
    return root / key
