"""`python -m softbook sweep`: list the book's sweeps with their cost, or run one."""

from __future__ import annotations

import argparse
import sys
import warnings
from typing import Any

from softbook.commands.arguments import count
from softbook.sweep import CACHE, Experiment, Stopped, axes, experiments, plan, sweep


def add(commands: Any) -> None:
    """Add the command and its options to argparse's `commands`."""
    parser = commands.add_parser("sweep", help="run one of the book's sweeps, or list them")
    parser.add_argument("name", nargs="?", metavar="NAME", help="which; without it they are listed")
    parser.add_argument("--cluster", metavar="ADDRESS", help="of a dask scheduler: tcp://HOST:8786")
    parser.add_argument("--jobs", type=count, default=1, help="processes here (%(default)s)")
    parser.add_argument(
        "--cache", metavar="FOLDER", default=CACHE, help="where runs are kept (%(default)s)"
    )
    parser.add_argument("--limit", type=count, metavar="N", help="only the first N settings")


def run(options: argparse.Namespace) -> int:
    """List or run; return 0, 1 if a run failed, 2 on wrong use, 130 if it was stopped by Ctrl-C."""
    known = experiments()
    if options.name is None:
        return _list(list(known.values()))
    if options.name not in known:
        names = ", ".join(known) or "none"
        print(f"{options.name!r} is no sweep; there are {names}", file=sys.stderr)
        return 2
    return _sweep(known[options.name], options)


def _list(known: list[Experiment]) -> int:
    width = max((len(one.name) for one in known), default=0)
    for one in known:
        cost = _time(one.cost_seconds)
        print(f"{one.name:{width}}  {one.runs:5} runs, about {cost:>7} on one core  {one.title}")
    print(f"{len(known)} sweeps; python -m softbook sweep NAME runs one")
    return 0


def _time(seconds: float) -> str:
    """Return a time with two digits, in the unit that a reader would take.

    >>> [_time(seconds) for seconds in (0.52, 48, 4000, 90_000)]
    ['0.52 s', '48 s', '67 min', '25 h']
    """
    for size, unit in ((7200, "h"), (100, "min")):
        if seconds >= size:
            return f"{seconds / (3600 if unit == 'h' else 60):.2g} {unit}"
    return f"{seconds:.2g} s"


def _sweep(chosen: Experiment, options: argparse.Namespace) -> int:
    settings = axes(chosen.grid)[0][: options.limit]
    seeds = chosen.seeds
    planned = plan(chosen.function, settings, seeds=seeds, cache=options.cache)
    missing = len(planned.missing)
    cost = chosen.cost_seconds * missing / chosen.runs
    print(
        f"{chosen.name}: {chosen.title}. {len(settings)} settings with {len(seeds)} seeds are "
        f"{len(planned.tasks)} runs; {len(planned.kept)} are kept, and the other {missing} take about "
        f"{_time(cost)} on one core.",
        flush=True,
    )
    try:
        with warnings.catch_warnings():
            # That runs failed is said below, for each of them.
            warnings.filterwarnings("ignore", ".*runs failed and are tried again", RuntimeWarning)
            results = sweep(
                chosen.function,
                settings,
                seeds=seeds,
                cluster=options.cluster,
                jobs=options.jobs,
                cache=options.cache,
            )
    except Stopped as stopped:
        print(stopped, file=sys.stderr)
        return 130
    except (ConnectionError, RuntimeError, ValueError) as error:
        print(error, file=sys.stderr)
        return 2
    for record in results.failed:
        print(f"FAILED {record.text}: {record.error}", file=sys.stderr)
    print(
        f"{len(results) - len(results.failed)} of {len(results)} runs are kept in {planned.place}"
    )
    return 1 if results.failed else 0
