"""Scripts that tests run in processes of their own."""

from __future__ import annotations

collect_ignore = ["jump_lab.py", "jump_gate.py"]
