"""`python -m softbook digest`: compare every figure's data with its stored digest, or write them."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from softbook.explore import Explorable, explorables
from softbook.explore.digest import differences, digest


def add(commands: Any) -> None:
    """Add the command and its options to argparse's `commands`."""
    parser = commands.add_parser("digest", help="compare the figures' data with their digests")
    parser.add_argument("--write", action="store_true", help="write the digests instead")
    parser.add_argument(
        "--folder",
        type=Path,
        default=Path("tests/data/digests"),
        help="where they are stored (%(default)s)",
    )


def moved(entry: Explorable, folder: Path) -> list[str]:
    """Return a sentence for each way in which the data of `entry` differ from its digest in `folder`.

    Settings that are drawn now and have no row, and a missing digest, count as differences.

    >>> from softbook.explore import explore
    >>> moved(explore("two-keys"), Path("nowhere"))
    ['two-keys: has no digest; python -m softbook digest --write makes one']
    """
    file = folder / f"{entry.id}.json"
    if not file.exists():
        return [f"{entry.id}: has no digest; python -m softbook digest --write makes one"]
    stored = json.loads(file.read_text("utf-8"))
    return [f"{entry.id}: {line}" for line in differences(stored, digest(entry), entry.tolerance)]


def write(entry: Explorable, folder: Path) -> bool:
    """Write the digest of `entry` unless the stored one agrees; tell whether it was written.

    A digest that agrees within the tolerance is left as it is, so that another machine's rounding
    does not change the file.
    """
    if not moved(entry, folder):
        return False
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(digest(entry), indent=1)
    (folder / f"{entry.id}.json").write_text(text + "\n", "utf-8")
    return True


def run(options: argparse.Namespace) -> int:
    """Compare or write all digests; return 0, or 1 if a figure's data are not those of its digest."""
    entries = explorables()
    if options.write:
        written = [entry.id for entry in entries.values() if write(entry, options.folder)]
        for file in sorted(options.folder.glob("*.json")):
            if file.stem not in entries:
                file.unlink()
                print(f"{file.stem}: no explorable has this id any more, its digest is deleted")
        print(f"{len(written)} digests written: {', '.join(written) or 'none had moved'}")
        return 0
    found = [line for entry in entries.values() for line in moved(entry, options.folder)]
    print("\n".join([*found, f"{len(entries)} digests compared, {len(found)} differences"]))
    return 1 if found else 0
