"""The command line: `python -m softbook.notebooks write [NAMES]` and `... check [NAMES]`."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from nbclient.exceptions import CellExecutionError

from softbook.notebooks.pair import pair_path, problems, sources, write

BOOK = Path("book")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return 0, 1 where a pair has a fault, 2 on wrong use."""
    parser = argparse.ArgumentParser(prog="softbook.notebooks", description=__doc__)
    parser.add_argument("command", choices=["write", "check"])
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help="chapters, such as relu_to_softmax"
    )
    parser.add_argument("--book", type=Path, default=BOOK, help="folder of the chapters")
    options = parser.parse_args(arguments)
    found = {source.stem: source for source in sources(options.book)}
    if not found:
        print(f"{options.book} holds no chapter with a kernelspec", file=sys.stderr)
        return 2
    names = [Path(name).stem for name in options.names] or list(found)
    unknown = [name for name in names if name not in found]
    if unknown:
        print(f"no chapter is named {unknown[0]}; there are {', '.join(found)}", file=sys.stderr)
        return 2
    faults = 0
    for name in names:
        if options.command == "write":
            start = time.perf_counter()
            try:
                write(found[name])
            except CellExecutionError as error:
                print(f"{found[name]}: a cell failed\n{error}", file=sys.stderr)
                return 1
            print(f"{pair_path(found[name])}  {time.perf_counter() - start:.1f} s", flush=True)
        for sentence in problems(found[name]):
            print(sentence, file=sys.stderr)
            faults += 1
    if options.command == "check" and not faults:
        print(f"{len(names)} notebooks are in step with their text")
    return 1 if faults else 0


if __name__ == "__main__":
    raise SystemExit(main())
