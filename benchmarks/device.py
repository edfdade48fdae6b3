"""What the benchmarks on a GPU share: a time or the reason for none, a rate, and a verdict."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

Clock = Callable[[Callable[[], object]], float]
"""From something to run to its milliseconds."""


def median(run: Callable[[], object]) -> float:
    """Return the median milliseconds of one run on the device, with a cold cache."""
    from triton.testing import do_bench

    return float(do_bench(run, return_mode="median"))


def timed(
    load: Callable[[], Callable[..., object]], arguments: tuple, bytes_needed: float, clock: Clock
) -> dict[str, Any]:
    """Return the time of one form, its rate, or why it was refused; it is made only here.

    The rate is that of the bytes that the answer needs, whatever a form moves in fact.
    """
    try:
        spent = clock(partial(load(), *arguments))
    except (ImportError, RuntimeError) as reason:
        why = f"{type(reason).__name__}: {reason}"[:200]
        return {"milliseconds": None, "GB_per_s": None, "refused": why}
    rate = round(bytes_needed / spent / 1e6, 1)
    return {"milliseconds": round(spent, 4), "GB_per_s": rate, "refused": ""}


def verdict(
    rows: Iterable[dict[str, Any]], form: str, most: float, least: tuple[str, float] | None = None
) -> str:
    """Say how long a form takes, how its peers compare, and whether an aim is met.

    `rows` are those of one setting; `most` is the aim in milliseconds, `least` a peer and how many
    times as long it is to take. An aim that hangs on a time that is missing is not measured.
    """
    by_form = {row["form"]: row for row in rows}
    aim = f"aim <= {most:g} ms" + (f", {least[0]} >= {least[1]:g} times" if least else "")
    mine = by_form.pop(form, {"milliseconds": None})
    if mine["milliseconds"] is None:
        return f"{form} has no time; {aim}: not measured"
    longer = {
        name: row["milliseconds"] and row["milliseconds"] / mine["milliseconds"]
        for name, row in by_form.items()
    }
    held = [mine["milliseconds"] <= most]
    if least:
        peer = longer.get(least[0])
        held.append(None if peer is None else peer >= least[1])
    judged = "not met" if False in held else "not measured" if None in held else "met"
    beside = [f"{name} {x:.2f} times" if x else f"{name} no time" for name, x in longer.items()]
    took = f"{form} takes {mine['milliseconds']:g} ms, {mine['GB_per_s']:g} GB/s"
    return f"{took}; beside it {', '.join(beside)}; {aim}: {judged}"
