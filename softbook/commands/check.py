"""`python -m softbook check`: draw settings at random and attack every claim."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any

import torch
from tqdm import tqdm

from softbook.claims import Claim, Verdict, claim_by_id, ledger
from softbook.claims.record import Entry, load, save
from softbook.commands.arguments import count

Result = tuple[Verdict, list[Verdict], float]


def add(commands: Any) -> None:
    """Add the command and its options to argparse's `commands`."""
    check = commands.add_parser("check", help="draw settings at random and attack every claim")
    check.add_argument("--claim", metavar="ID", help="only this claim")
    check.add_argument(
        "--draws", type=count, default=1000, help="random settings a claim (%(default)s)"
    )
    check.add_argument(
        "--attack", type=count, default=500, help="evaluations of the attack (%(default)s)"
    )
    check.add_argument("--seed", type=int, default=0, help="seed of draws and attack (%(default)s)")
    check.add_argument(
        "--jobs", type=count, default=1, help="claims examined at a time (%(default)s)"
    )
    check.add_argument(
        "--record", action="store_true", help="keep the worst settings for the ledger"
    )


def run(options: argparse.Namespace) -> int:
    """Examine the claims that are not quoted; return 0, 1 on a violation, 2 on an unknown id."""
    try:
        claims = [claim_by_id(options.claim)] if options.claim else list(ledger())
    except KeyError as error:
        print(error.args[0], file=sys.stderr)
        return 2
    return check([claim for claim in claims if claim.evidence != "quoted"], options)


def examine(claim: Claim, draws: int, budget: int, seed: int) -> tuple[Verdict, list[Verdict]]:
    """Draw and attack one claim; return the worst verdict and those that do not hold.

    Takes `draws` + `budget` evaluations of the claim; `seed` fixes both.

    >>> from softbook.claims import claim_by_id
    >>> worst, broken = examine(claim_by_id("relu-two-keys"), draws=10, budget=20, seed=0)
    >>> worst.holds, broken
    (True, [])
    """
    worst, broken = claim.check(), []
    settings = tqdm(
        claim.draw(draws, seed),
        total=draws,
        desc=claim.id,
        leave=False,
        mininterval=0.5,
        disable=None,
    )
    verdicts = (claim.check(**chosen) for chosen in settings)
    for verdict in (worst, *verdicts, claim.attack(budget, seed)):
        if not verdict.holds:
            broken.append(verdict)
        worst = max(worst, verdict, key=Verdict.severity)
    return worst, broken


def _kept(claim: Claim, entry: Entry, known: Entry | None) -> Entry:
    """Return what the record keeps: the known setting where, computed anew, it is still the worst."""
    if known is None:
        return entry
    try:
        ratio = claim.check(**known.settings).ratio
    except (TypeError, ValueError):
        # The knobs or hypotheses are others now than when it was found.
        return entry
    # It is the worst of both searches; the larger one is what the ledger names.
    draws, steps = max(known.draws, entry.draws), max(known.attack, entry.attack)
    old = Entry(known.settings, ratio, draws, steps, known.seed)
    return max(entry, old, key=lambda one: one.ratio)


def _effort(claim: Claim, options: argparse.Namespace) -> tuple[int, int]:
    """Return (draws, attack); a claim without knobs says one thing, and one evaluation is all."""
    return (options.draws, options.attack) if claim.knobs else (1, 1)


def _timed(claim: Claim, draws: int, budget: int, seed: int) -> Result:
    # The tensors of a claim are tiny: a second thread costs more than it brings.
    torch.set_num_threads(1)
    start = time.perf_counter()
    worst, broken = examine(claim, draws, budget, seed)
    return worst, broken, time.perf_counter() - start


def _by_id(task: tuple[str, int, int, int]) -> Result:
    id, *effort = task
    return _timed(claim_by_id(id), *effort)


def _results(claims: Sequence[Claim], options: argparse.Namespace) -> Iterator[Result]:
    """Yield worst verdict, broken ones and seconds of each claim, in order."""
    if options.jobs == 1:
        for claim in claims:
            yield _timed(claim, *_effort(claim, options), options.seed)
        return
    tasks = [(claim.id, *_effort(claim, options), options.seed) for claim in claims]
    with ProcessPoolExecutor(options.jobs, mp_context=get_context("spawn")) as pool:
        yield from pool.map(_by_id, tasks)


def check(claims: Sequence[Claim], options: argparse.Namespace) -> int:
    """Examine `claims`, print one line each, and return 1 if one is broken, 0 otherwise."""
    work = len(claims) * (options.draws + options.attack)
    print(f"{len(claims)} claims, {work} evaluations of about 0.05 to 5 ms each.", flush=True)
    records, failures = load(), 0
    for claim, (worst, broken, seconds) in zip(claims, _results(claims, options), strict=True):
        draws, budget = _effort(claim, options)
        failures += bool(broken)
        word = "BROKEN" if broken else "holds "
        print(f"{word} {claim.id:28} worst ratio {worst.ratio:.9f}  ({seconds:.1f} s)", flush=True)
        for verdict in broken[:3]:
            print(
                f"       at {dict(verdict.settings)}: measured {verdict.measured}, "
                f"promised {verdict.predicted}, tolerance {verdict.tolerance:.3g}"
            )
        entry = Entry(worst.settings, worst.ratio, draws, budget, options.seed)
        records[claim.id] = _kept(claim, entry, records.get(claim.id))
    if options.record and not failures:
        existing = {claim.id for claim in ledger()}
        save({id: entry for id, entry in records.items() if id in existing})
    print(f"{len(claims) - failures} claims hold, {failures} broken")
    return 1 if failures else 0
