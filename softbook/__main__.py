"""The command line: `python -m softbook ledger` and `python -m softbook check`."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence

from tqdm import tqdm

from softbook.claims import Claim, Verdict, claim_by_id, ledger
from softbook.claims.record import Entry, load, save


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return 0, 1 on a violated claim, 2 on wrong use."""
    parser = argparse.ArgumentParser(prog="softbook", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("ledger", help="list every claim with its evidence, source and worst ratio")
    check = commands.add_parser("check", help="draw settings at random and attack every claim")
    check.add_argument("--claim", metavar="ID", help="only this claim")
    check.add_argument(
        "--draws", type=_count, default=1000, help="random settings a claim (%(default)s)"
    )
    check.add_argument(
        "--attack", type=_count, default=500, help="evaluations of the attack (%(default)s)"
    )
    check.add_argument("--seed", type=int, default=0, help="seed of draws and attack (%(default)s)")
    check.add_argument(
        "--record", action="store_true", help="keep the worst settings for the ledger"
    )
    options = parser.parse_args(arguments)
    if options.command == "ledger":
        return _ledger()
    try:
        claims = [claim_by_id(options.claim)] if options.claim else list(ledger())
    except KeyError as error:
        print(error.args[0], file=sys.stderr)
        return 2
    return _check([claim for claim in claims if claim.evidence != "quoted"], options)


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is given, but at least 1 is needed")
    return number


def _ledger() -> int:
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


def examine(claim: Claim, draws: int, budget: int, seed: int) -> tuple[Verdict, list[Verdict]]:
    """Draw and attack one claim; return the worst verdict and those that do not hold."""
    broken = []
    worst = claim.check()
    settings = claim.draw(draws, seed)
    for chosen in tqdm(settings, total=draws, desc=claim.id, leave=False, mininterval=0.5):
        verdict = claim.check(**chosen)
        if not verdict.holds:
            broken.append(verdict)
        if not verdict.ratio <= worst.ratio:
            worst = verdict
    found = claim.attack(budget, seed)
    if not found.holds:
        broken.append(found)
    return (found if not found.ratio <= worst.ratio else worst), broken


def _check(claims: Sequence[Claim], options: argparse.Namespace) -> int:
    work = len(claims) * (options.draws + options.attack)
    print(f"{len(claims)} claims, {work} evaluations; a claim takes about 0.05 to 5 ms each time.")
    records, failures = load(), 0
    for claim in claims:
        start = time.perf_counter()
        # A claim without knobs says one thing: one evaluation is all there is.
        draws, budget = (options.draws, options.attack) if claim.knobs else (1, 1)
        worst, broken = examine(claim, draws, budget, options.seed)
        failures += bool(broken)
        word = "BROKEN" if broken else "holds "
        seconds = time.perf_counter() - start
        print(f"{word} {claim.id:28} worst ratio {worst.ratio:.9f}  ({seconds:.1f} s)", flush=True)
        for verdict in broken[:3]:
            print(
                f"       at {dict(verdict.settings)}: measured {verdict.measured}, "
                f"promised {verdict.predicted}, tolerance {verdict.tolerance:.3g}"
            )
        records[claim.id] = Entry(worst.settings, worst.ratio, draws, budget, options.seed)
    if options.record and not failures:
        save(records)
    print(f"{len(claims) - failures} claims hold, {failures} broken")
    return 1 if failures else 0


if __name__ == "__main__":
    raise SystemExit(main())
