"""What each explorable costs a page: settings, bytes as sent, and seconds to compute."""

from __future__ import annotations

import gzip
import time
from collections.abc import Sequence
from typing import Any

from softbook.explore import explorables
from softbook.publish.store import script


def measure(rounds: int = 2) -> list[dict[str, Any]]:
    """Return a row for each explorable; seconds are the best of `rounds`, which are interleaved."""
    entries = explorables()
    seconds: dict[str, float] = {}
    bodies: dict[str, bytes] = {}
    for _ in range(rounds):
        for id, entry in entries.items():
            start = time.perf_counter()
            payload = entry.payload()
            took = time.perf_counter() - start
            seconds[id] = min(took, seconds.get(id, took))
            bodies[id] = script(payload).encode()
    return [
        {
            "explorable": id,
            "settings": entry.size(),
            "bytes": len(bodies[id]),
            "gzipped": len(gzip.compress(bodies[id], 9, mtime=0)),
            "seconds": round(seconds[id], 2),
        }
        for id, entry in entries.items()
    ]


def summary(rows: Sequence[dict[str, Any]]) -> str:
    """Return the totals in a sentence."""
    total = sum(row["gzipped"] for row in rows)
    return f"{len(rows)} explorables, {total / 1000:.1f} kB after gzip together"
