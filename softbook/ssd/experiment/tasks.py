"""The two tasks: multi-query associative recall, and the bytes of Python's own standard library.

A task hands out batches `(tokens, labels)` of shape (batch, length): a network reads tokens 0..i and is
asked for labels[i]; where the label is `SILENT`, nothing is asked.
"""

from __future__ import annotations

import hashlib
import sysconfig
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Int, UInt8
from torch import Tensor

from softbook.ssd.experiment.setting import Setting, stream

__all__ = [
    "HELD_OUT",
    "KEYS",
    "SILENT",
    "VALUES",
    "Corpus",
    "batch_of",
    "corpus",
    "held_out",
    "recall",
    "symbols",
]

SILENT = -100
"""Label of a position where nothing is asked (torch's `ignore_index`)."""
KEYS, VALUES = 64, 64
"""Recall's alphabet: keys are the tokens 0..63, values the tokens 64..127."""
HELD_OUT = {"mqar": 256, "bytes": 128}
"""Sequences of the held-out set, the same for every mixer and seed."""


def recall(
    generator: torch.Generator, sequences: int, pairs: int
) -> tuple[Int[Tensor, "sequences length"], Int[Tensor, "sequences length"]]:
    """Draw sequences of multi-query associative recall, of length 4 * `pairs`.

    The law: `pairs` different keys are drawn uniformly without repetition, and a value for each,
    uniformly with repetition. First all pairs are told, key value key value ...; then each key is asked
    once, in a random order, and followed by its value. At the position of an asked key the label is its
    value; everywhere else nothing is asked. A guess without memory is right with probability 1/64.

    1 <= `pairs` <= 64 and `sequences` >= 1, otherwise a ValueError. Cost: O(sequences * 64 log 64).
    Source: the task of arXiv 2312.04927, in a form without filler between the questions.

    >>> tokens, labels = recall(stream(0, "show"), 1, 2)
    >>> tokens.shape, int((labels != SILENT).sum())
    (torch.Size([1, 8]), 2)
    """
    if not 1 <= pairs <= KEYS or sequences < 1:
        raise ValueError(
            f"sequences, pairs: {sequences}, {pairs} are given, but >= 1 and 1 to {KEYS} are needed"
        )
    keys = torch.rand(sequences, KEYS, generator=generator).argsort(dim=1)[:, :pairs]
    values = KEYS + torch.randint(VALUES, (sequences, pairs), generator=generator)
    order = torch.rand(sequences, pairs, generator=generator).argsort(dim=1)
    told = torch.stack([keys, values], dim=2).flatten(1)
    asked = torch.stack([keys.gather(1, order), values.gather(1, order)], dim=2)
    tokens = torch.cat([told, asked.flatten(1)], dim=1)
    labels = torch.full_like(tokens, SILENT)
    labels[:, 2 * pairs :: 2] = asked[:, :, 1]
    return tokens, labels


class Corpus(NamedTuple):
    """The bytes of Python's standard library, split by file.

    `train`, `held_out`: all bytes of the files of one side, one file after the other; `train_files`,
    `held_out_files`: their names; `digest`: 16 hexadecimal digits of the SHA-256 of names and bytes.
    """

    train: UInt8[Tensor, " train"]
    held_out: UInt8[Tensor, " held_out"]
    train_files: tuple[str, ...]
    held_out_files: tuple[str, ...]
    digest: str


@lru_cache(maxsize=1)
def corpus() -> Corpus:
    """Read the modules at the top of the running Python's standard library.

    Files: every `*.py` directly in the folder of the standard library (no packages, no tests), sorted by
    name, without those that an installation writes itself (`_sysconfigdata*`, `sitecustomize.py`,
    `usercustomize.py`). A file is held out iff the first byte of the SHA-256 of its name is below 26,
    about a tenth: the split of a file does not change from Python to Python, its text does. Windows line
    ends count as one. Cost: some 5 MB are read once. A FileNotFoundError says that Python keeps its
    sources elsewhere (in an archive).

    >>> sorted(set(corpus().train_files) & set(corpus().held_out_files))
    []
    """
    folder = Path(sysconfig.get_paths()["stdlib"])
    made = ("_sysconfigdata", "sitecustomize", "usercustomize")
    files = sorted(file for file in folder.glob("*.py") if not file.name.startswith(made))
    sides: dict[bool, list[Path]] = {False: [], True: []}
    digest = hashlib.sha256()
    for file in files:
        sides[hashlib.sha256(file.name.encode()).digest()[0] < 26].append(file)
        digest.update(file.name.encode() + b"\0" + _text(file) + b"\0")
    if not sides[False] or not sides[True]:
        raise FileNotFoundError(
            f"stdlib: {folder} holds {len(files)} modules as files, but this task reads the "
            "sources of Python's standard library there"
        )
    train, held = (
        torch.from_numpy(np.frombuffer(b"".join(map(_text, sides[side])), dtype=np.uint8).copy())
        for side in (False, True)
    )
    names = [tuple(file.name for file in sides[side]) for side in (False, True)]
    return Corpus(train, held, names[0], names[1], digest.hexdigest()[:16])


def _text(file: Path) -> bytes:
    return file.read_bytes().replace(b"\r\n", b"\n")


def _windows(
    data: UInt8[Tensor, " bytes"], starts: Int[Tensor, " batch"], length: int
) -> tuple[Int[Tensor, "batch length"], Int[Tensor, "batch length"]]:
    rows = data[starts[:, None] + torch.arange(length + 1)].long()
    return rows[:, :-1], rows[:, 1:]


def batch_of(
    setting: Setting, step: int
) -> tuple[Int[Tensor, "batch length"], Int[Tensor, "batch length"]]:
    """Return the training batch of one step: it depends on task, sizes, seed and step, not on the mixer.

    >>> batch_of(Setting(batch=3), 0)[0].shape
    torch.Size([3, 32])
    """
    draw = stream(setting.seed, f"batch {step}")
    if setting.task == "mqar":
        return recall(draw, setting.batch, setting.length // 4)
    data = corpus().train
    starts = torch.randint(len(data) - setting.length, (setting.batch,), generator=draw)
    return _windows(data, starts, setting.length)


def held_out(
    setting: Setting,
) -> tuple[Int[Tensor, "sequences length"], Int[Tensor, "sequences length"]]:
    """Return the held-out set of a task, the same for every mixer and seed.

    Recall: sequences of a stream of its own; bytes: windows evenly spread over the held-out files, with a
    random offset of their own.

    >>> held_out(Setting())[0].shape
    torch.Size([256, 32])
    """
    count = HELD_OUT[setting.task]
    draw = stream(0, "held out")
    if setting.task == "mqar":
        return recall(draw, count, setting.length // 4)
    data = corpus().held_out
    room = (len(data) - setting.length) / count
    starts = (torch.arange(count) + torch.rand(count, generator=draw)) * room
    return _windows(data, starts.long(), setting.length)


def symbols(task: str) -> int:
    """Return the size of a task's alphabet.

    >>> symbols("mqar"), symbols("bytes")
    (128, 256)
    """
    return KEYS + VALUES if task == "mqar" else 256
