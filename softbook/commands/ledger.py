"""`python -m softbook ledger`: every claim with its evidence, its source and its worst known ratio."""

from __future__ import annotations

import argparse
from typing import Any

from softbook.claims import ledger
from softbook.claims.record import load


def add(commands: Any) -> None:
    """Add the command to argparse's `commands`."""
    commands.add_parser("ledger", help="list every claim with its evidence, source and worst ratio")


def run(options: argparse.Namespace) -> int:
    """Print one line a claim; return 0."""
    recorded = load()
    for claim in ledger():
        line = f"{claim.id:28} {claim.evidence:9} "
        if claim.evidence != "quoted":
            verdict = claim.check()
            worst = recorded.get(claim.id)
            found = f"{worst.ratio:10.7f}" if worst else "         -"
            line += f"default {verdict.ratio:9.6f}  worst {found}  "
        print(f"{line}{claim.title} ({claim.source})")
    return 0
