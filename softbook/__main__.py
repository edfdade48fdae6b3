"""The command line: `python -m softbook` with `ledger`, `check`, `digest`, `sweep`, `export`, `zip`, `pdf` or `serve`."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from softbook.commands import bundle, check, digest, export, ledger, pdf, serve, sweep

COMMANDS = {
    "ledger": ledger,
    "check": check,
    "digest": digest,
    "sweep": sweep,
    "export": export,
    "zip": bundle,
    "pdf": pdf,
    "serve": serve,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return 0, 1 where something is found wrong, 2 on wrong use."""
    parser = argparse.ArgumentParser(prog="softbook", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for command in COMMANDS.values():
        command.add(commands)
    options = parser.parse_args(arguments)
    return COMMANDS[options.command].run(options)


if __name__ == "__main__":
    raise SystemExit(main())
