"""`python -m softbook export`: one figure, or the two sides of one claim, as one HTML file."""

from __future__ import annotations

import argparse
import difflib
import sys
from pathlib import Path
from typing import Any

from softbook.claims import Claim, ledger
from softbook.explore import explorables
from softbook.explore.payload import from_figure
from softbook.publish.single import page


def add(commands: Any) -> None:
    """Add the command and its options to argparse's `commands`."""
    parser = commands.add_parser("export", help="write one explorable or claim as one HTML file")
    parser.add_argument("id", help="of an explorable, or of a claim")
    parser.add_argument("--out", type=Path, help="the file (default: the id, .html)")


def payload_of(claim: Claim) -> dict[str, Any]:
    """Return the payload of a claim's two sides along its first knob of numbers.

    Raises a ValueError if it has no such knob, as a quotation.

    >>> from softbook.claims import claim_by_id
    >>> payload_of(claim_by_id("dom-telescope"))["id"]
    'dom-telescope'
    """
    numbers = [n for n, knob in claim.knobs.items() if knob.kind not in ("choice", "switch")]
    if claim.evidence == "quoted" or not numbers:
        raise ValueError(f"id: {claim.id} has no side to draw along a knob of numbers")
    settings = claim.defaults()
    fixed = [f"{k.title}: {k.text(settings[n])}" for n, k in claim.knobs.items() if n != numbers[0]]
    summary = (
        f"{claim.title}. {claim.evidence.capitalize()}; {', '.join(fixed) or 'no other knob'}."
    )
    return from_figure(claim.figure(along=numbers[0]), summary=summary) | {"id": claim.id}


def words_of(claim: Claim) -> str:
    """Return what a claim says, what it assumes, and where that comes from.

    >>> from softbook.claims import claim_by_id
    >>> words_of(claim_by_id("relu-two-keys")).splitlines()[-1]
    'Proved in this book.'
    """
    key, _, place = (part.strip() for part in claim.source.partition(","))
    done = {"proved": "Proved", "exact": "Computed", "measured": "Measured"}[claim.evidence]
    source = f"{done} in this book" + (f"; source: {key}" if key != "own" else "")
    where = [f"Where {hypothesis.statement}." for hypothesis in claim.hypotheses]
    return "\n\n".join([claim.statement, *where, f"{source}{', ' * bool(place)}{place}."])


def run(options: argparse.Namespace) -> int:
    """Write the file and say where; return 0, or 2 with a sentence if the id is unknown."""
    figures, claims = explorables(), {claim.id: claim for claim in ledger()}
    try:
        if options.id in figures:
            payload, words = figures[options.id].payload(), ""
        elif options.id in claims:
            claim = claims[options.id]
            payload, words = payload_of(claim), words_of(claim)
        else:
            near = difflib.get_close_matches(options.id, [*figures, *claims], cutoff=0.4)
            raise ValueError(
                f"id: {options.id!r} is no explorable and no claim"
                + (f"; near it are {', '.join(near)}" if near else "")
            )
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    out = options.out or Path(f"{options.id}.html")
    out.write_text(page(payload, words), encoding="utf-8")
    print(f"{out}: {out.stat().st_size / 1e6:.1f} MB, opens by itself, asks no host for anything")
    return 0
