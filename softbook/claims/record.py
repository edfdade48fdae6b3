"""The worst settings found so far, kept as plain data so that the ledger can show and recheck them.

Only settings and how they were found are stored; every page and test computes both sides anew.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

RECORD = Path(__file__).with_name("record.json")


@dataclass(frozen=True)
class Entry:
    """How a claim's worst known setting was found, and the share of the promise used there.

    >>> Entry({"beta": 1.0}, 0.99, draws=1000, attack=500, seed=0).ratio
    0.99
    """

    settings: Mapping[str, Any]
    ratio: float
    draws: int
    attack: int
    seed: int


def load(path: Path = RECORD) -> dict[str, Entry]:
    """Return the entries by claim id; an empty dictionary where none has been recorded.

    >>> load(Path("nowhere.json"))
    {}
    """
    if not path.exists():
        return {}
    return {id: Entry(**fields) for id, fields in json.loads(path.read_text("utf-8")).items()}


def save(entries: Mapping[str, Entry], path: Path = RECORD) -> None:
    """Write the entries in one step, so that a kill leaves the old file or the new one.

    Raises a ValueError, and leaves the file as it was, where a number is not finite.
    """
    plain = {id: vars(entries[id]) for id in sorted(entries)}
    text = json.dumps(plain, indent=1, sort_keys=True, allow_nan=False)
    draft = path.with_suffix(".draft")
    draft.write_text(text + "\n", "utf-8")
    os.replace(draft, path)
