"""The process that computes: one line of JSON in, one out.

`python -m softbook.live.worker` reads lines {"figure": id, "settings": {...}} and answers each with
{"figure": plotly's JSON, "summary": words} or {"error": sentence}. It ends with its input. What a
figure function prints goes to the error stream, so that it cannot stand between the answers.
"""

from __future__ import annotations

import contextlib
import functools
import json
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from softbook.explore import Explorable, explorables
from softbook.explore.parts import figure_parts, leaf_of, rebuilt
from softbook.live.messages import settings_of

__all__ = ["answer", "main"]


def answer(line: str, figures: Mapping[str, Explorable]) -> dict[str, Any]:
    """Return the frame that a line asks for, or the sentence that says why there is none.

    >>> answer('{"figure": "two-keys", "settings": {"beta": 3.3}}', explorables())["summary"][:10]
    'At β = 3.3'
    >>> answer('{"figure": "two-keys", "settings": {"beta": -1}}', explorables())["error"]
    'sharpness β: -1 is given, but a number from ... is needed'
    """
    try:
        asked = json.loads(line)
        entry = figures[asked["figure"]]
        frame = entry(**settings_of(entry, asked["settings"]))
        figure = leaf_of(rebuilt(figure_parts(frame.figure)))
    # Whatever a figure function raises, the reader is told; the page stays where it was.
    except Exception as error:
        kind = "" if isinstance(error, (TypeError, ValueError)) else f"{type(error).__name__}: "
        return {"error": f"{kind}{error}"}
    return {"figure": figure, "summary": frame.summary}


def main(
    figures: Mapping[str, Explorable], source: Iterable[str], say: Callable[[str], object]
) -> None:
    """Answer every line of `source` until it ends, each by one call of `say`.

    >>> main({}, ['{"figure": "two-keys", "settings": {}}'], print)
    {"error": "KeyError: 'two-keys'"}
    """
    for line in source:
        with contextlib.redirect_stdout(sys.stderr):
            found = answer(line, figures)
        say(json.dumps(found, allow_nan=False))


if __name__ == "__main__":
    main(explorables(), sys.stdin, functools.partial(print, flush=True))
