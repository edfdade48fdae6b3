"""Sequences from files, a record at a time: FASTA, and tables of sequences with activities.

A broken file is refused with the number of its line; nothing is guessed. Memory does not grow with the file.
"""

from __future__ import annotations

import csv
import gzip
import math
import os
from collections.abc import Iterable, Iterator, Sequence
from io import TextIOWrapper
from itertools import islice

import torch
from jaxtyping import Float, Int, Int64
from torch import Tensor

from softbook.checks import count

__all__ = ["HEPG2", "batches", "read_activities", "read_fasta", "text", "tokens_of"]

LETTERS = "ACGT"
_NUMBER = {letter: number for number, letter in enumerate(LETTERS)}
HEPG2 = "hepg2"
"""The activity in liver cells, as the public table of enhancers names it (Gosai et al. 2024)."""
Path = str | os.PathLike[str]


def text(tokens: Int[Tensor, "n d"]) -> list[str]:
    """Return rows of tokens 0..3 as words of A C G T; other tokens raise a ValueError.

    >>> text(torch.tensor([[0, 1, 2, 3], [3, 3, 0, 0]]))
    ['ACGT', 'TTAA']
    """
    if tokens.numel() and not 0 <= int(tokens.min()) <= int(tokens.max()) < len(LETTERS):
        low, high = int(tokens.min()), int(tokens.max())
        raise ValueError(f"tokens: {low} to {high} are given, but 0 to 3 are needed")
    return ["".join(LETTERS[token] for token in row) for row in tokens.tolist()]


def tokens_of(sequences: Iterable[str]) -> Int64[Tensor, "n d"]:
    """Return words of A C G T, upper or lower case and of one length, as rows of tokens 0..3.

    A ValueError names the first word that has another letter or length (counted from 1), or says that
    there is none.

    >>> tokens_of(["ACGT", "ttaa"]).tolist()
    [[0, 1, 2, 3], [3, 3, 0, 0]]
    """
    rows: list[list[int]] = []
    for number, word in enumerate(sequences, 1):
        if not isinstance(word, str):
            raise TypeError(f"sequences: number {number} is {word!r}, but text is needed")
        found = _letters(word, f"sequences: number {number}")
        if rows and len(found) != len(rows[0]):
            raise ValueError(
                f"sequences: number {number} has {len(found)} letters, the first has {len(rows[0])};"
                " one length is needed"
            )
        rows.append([_NUMBER[letter] for letter in found])
    if not rows or not rows[0]:
        raise ValueError("sequences: none is given, but at least one with a letter is needed")
    return torch.tensor(rows)


def _letters(word: str, where: str) -> str:
    """Return a word in upper case; `where` begins the sentence about another letter."""
    upper = word.upper()
    for place, letter in enumerate(upper, 1):
        if letter not in _NUMBER:
            raise ValueError(
                f"{where} has {word[place - 1]!r} at place {place}, but A C G T are allowed"
            )
    return upper


def _open(path: Path) -> TextIOWrapper:
    """Open a text file, or a gzip of one if its name ends so; without line-end translation for csv."""
    if os.fspath(path).endswith(".gz"):
        return gzip.open(path, "rt", encoding="utf-8-sig", newline="")
    return open(path, encoding="utf-8-sig", newline="")


def _lines(file: TextIOWrapper, path: Path) -> Iterator[str]:
    """Yield the lines of a file; what cannot be read is a ValueError with the number of the line."""
    number = 0
    while True:
        number += 1
        try:
            line = file.readline()
        except (UnicodeDecodeError, EOFError, OSError) as error:
            raise ValueError(
                f"{os.fspath(path)}, line {number} or after it: cannot be read as text ({error})"
            ) from error
        if not line:
            return
        yield line


def read_fasta(path: Path) -> Iterator[tuple[str, str]]:
    """Yield (name, sequence in upper case) of each record of a FASTA file, or of a gzip of one (`.gz`).

    A record is a line `>name ...` and lines of letters after it; blank lines are passed over. A ValueError
    with the number of the line: letters before the first name, a record without name or letters, another
    letter than A C G T, no record at all, unreadable bytes. Memory: one record.

    >>> import tempfile, pathlib
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = pathlib.Path(folder, "two.fa")
    ...     _ = file.write_text(">one\\nAC\\nGT\\n>two\\nttaa\\n")
    ...     list(read_fasta(file))
    [('one', 'ACGT'), ('two', 'TTAA')]
    """
    where = os.fspath(path)
    name, start, parts = "", 0, list[str]()
    with _open(path) as file:
        for number, raw in enumerate(_lines(file, path), 1):
            line = raw.strip()
            if line.startswith(">"):
                if start:
                    yield name, _joined(where, start, name, parts)
                name, start, parts = line[1:].strip(), number, []
                if not name:
                    raise ValueError(f"{where}, line {number}: a name is needed after '>'")
            elif line and not start:
                raise ValueError(f"{where}, line {number}: letters stand before the first '>name'")
            elif line:
                parts.append(_letters(line, f"{where}, line {number}:"))
    if not start:
        raise ValueError(f"{where}: no record is there; a FASTA file begins with '>name'")
    yield name, _joined(where, start, name, parts)


def _joined(where: str, start: int, name: str, parts: list[str]) -> str:
    if not parts:
        raise ValueError(f"{where}, line {start}: the record {name!r} has no letters")
    return "".join(parts)


def read_activities(
    path: Path,
    activities: Sequence[str] = (HEPG2,),
    *,
    sequence: str = "seq",
    length: int | None = None,
) -> Iterator[tuple[str, tuple[float, ...]]]:
    """Yield (sequence in upper case, its activities) of each line of a table with a header.

    A CSV file, or a gzip of one (`.gz`). The standard names are those of the public table of enhancers in
    three cell lines, 200 letters each (Gosai et al. 2024): `seq,hepg2,k562,sknsh`. Other columns are
    passed over. `length`: only sequences of so many letters. A ValueError with the number of the line:
    a column that is not there, more or fewer fields than the header, a value that is no finite number, a
    letter other than A C G T, unreadable bytes. Memory: one line.

    >>> import tempfile, pathlib
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = pathlib.Path(folder, "small.csv")
    ...     _ = file.write_text("seq,hepg2,k562\\nACGT,0.5,1\\nTTTT,-2,0\\n")
    ...     list(read_activities(file, ["hepg2", "k562"]))
    [('ACGT', (0.5, 1.0)), ('TTTT', (-2.0, 0.0))]
    """
    where = os.fspath(path)
    if isinstance(activities, str) or not activities:
        raise ValueError(f"activities: {activities!r} is given, but a list of names is needed")
    if length is not None:
        count("length", length)
    with _open(path) as file:
        lines = csv.reader(_lines(file, path), strict=True)
        header = next(lines, None)
        if header is None:
            raise ValueError(f"{where}: the file is empty; a header is needed")
        places = [_place(where, header, name) for name in (sequence, *activities)]
        while True:
            try:
                fields = next(lines)
            except StopIteration:
                return
            except csv.Error as error:
                raise ValueError(f"{where}, line {lines.line_num}: {error}") from error
            if not fields:
                continue
            at = f"{where}, line {lines.line_num}:"
            if len(fields) != len(header):
                raise ValueError(f"{at} {len(fields)} fields, but the header has {len(header)}")
            word = _letters(fields[places[0]].strip(), at)
            if not word:
                raise ValueError(f"{at} the sequence is empty")
            values = tuple(
                _finite(at, name, fields[place])
                for name, place in zip(activities, places[1:], strict=True)
            )
            if length is None or len(word) == length:
                yield word, values


def _place(where: str, header: list[str], name: str) -> int:
    known = [one.strip() for one in header]
    if known.count(name) != 1:
        raise ValueError(
            f"{where}, line 1: the column {name!r} is needed once, but there are {', '.join(known)}"
        )
    return known.index(name)


def _finite(at: str, name: str, field: str) -> float:
    try:
        value = float(field)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise ValueError(f"{at} {name} is {field!r}, but a finite number is needed")
    return value


def batches(
    records: Iterable[tuple[str, tuple[float, ...]]], size: int = 1024
) -> Iterator[tuple[Int64[Tensor, "n d"], Float[Tensor, "n activities"]]]:
    """Yield tokens and activities, float64, of `size` records at a time; the last batch may be smaller.

    Records are those of `read_activities`; within a batch they need one length. Memory: one batch.

    >>> [len(tokens) for tokens, _ in batches([("ACGT", (1.0,))] * 5, 2)]
    [2, 2, 1]
    """
    count("size", size)
    source = iter(records)
    while some := list(islice(source, size)):
        values = torch.tensor([values for _, values in some], dtype=torch.float64)
        yield tokens_of(word for word, _ in some), values
