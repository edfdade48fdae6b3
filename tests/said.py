"""What tests say at the end of a run beyond red and green; what begins with WARNING stands out there."""

from __future__ import annotations

LINES: list[str] = []
