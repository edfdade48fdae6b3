"""Pairs: a chapter's text as a notebook, executed, kept small and the same on every machine.

Only cells tagged `nbval-check-output` keep their output: they are the ones that nbval compares. All
others need only run. Widget states (5 MB each, with random ids) and timings are never stored.
"""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import jupytext
import nbformat
from nbclient import NotebookClient
from nbformat import NotebookNode

from softbook.notebooks.prose import decimals, prose_numbers

__all__ = [
    "CHECK",
    "Cell",
    "cells",
    "execute",
    "outputs",
    "pair_path",
    "problems",
    "read",
    "sources",
    "write",
]

CHECK = "nbval-check-output"
# The front page shows figures and states no result of its own.
WITHOUT_CHECKS = {"index"}
TIMEOUT = 600


class Cell(NamedTuple):
    """What must be the same in text and notebook."""

    type: str
    source: str
    tags: tuple[str, ...]


def sources(book: Path) -> list[Path]:
    """Return the chapters of the folder `book` that are notebooks: those that name a kernel."""
    return [path for path in sorted(book.glob("*.md")) if _front_matter_names_kernel(path)]


def _front_matter_names_kernel(path: Path) -> bool:
    text = path.read_text(encoding="utf-8")
    return text.startswith("---\n") and "\nkernelspec:" in text.split("\n---\n", 1)[0]


def pair_path(source: Path) -> Path:
    """Return the notebook's path beside its text.

    >>> pair_path(Path("book/relu_to_softmax.md")).as_posix()
    'book/relu_to_softmax.ipynb'
    """
    return source.with_suffix(".ipynb")


def read(source: Path) -> NotebookNode:
    """Return the text as a notebook without outputs; a cell's id depends on its content only."""
    notebook = jupytext.read(source)
    seen: Counter[str] = Counter()
    for cell in notebook.cells:
        key = hashlib.sha256(f"{cell.cell_type}\n{cell.source}".encode()).hexdigest()[:12]
        cell.id = f"{key}-{seen[key]}"
        seen[key] += 1
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    kernel = notebook.metadata.get("kernelspec", {})
    notebook.metadata = nbformat.from_dict(
        {"kernelspec": kernel, "language_info": {"name": kernel.get("language", "python")}}
    )
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    return notebook


def execute(notebook: NotebookNode, folder: Path) -> NotebookNode:
    """Run all cells in `folder`, then keep the outputs of the cells tagged for checking only.

    Raises `nbclient.exceptions.CellExecutionError` where a cell fails.
    """
    # As a reader's own kernel would: without the build's variable, widgets are live.
    environment = {k: v for k, v in os.environ.items() if k != "SOFTBOOK_BUILD"}
    client = NotebookClient(
        notebook,
        timeout=TIMEOUT,
        extra_arguments=["--log-level=ERROR"],
        resources={"metadata": {"path": str(folder)}},
        record_timing=False,
        store_widget_state=False,
        # What one cell prints comes in as many pieces as the machine was busy.
        coalesce_streams=True,
    )
    client.execute(env=environment)
    for cell in code_cells(notebook):
        cell.metadata.pop("execution", None)
        if CHECK not in _tags(cell):
            cell.outputs, cell.execution_count = [], None
    return notebook


def write(source: Path) -> Path:
    """Execute the text `source` and write its notebook; return that notebook's path."""
    notebook = execute(read(source), source.parent)
    path = pair_path(source)
    draft = path.with_suffix(".draft")
    nbformat.write(notebook, draft)
    draft.replace(path)
    return path


def code_cells(notebook: NotebookNode) -> Iterator[NotebookNode]:
    """Yield the code cells of `notebook` in order."""
    return (cell for cell in notebook.cells if cell.cell_type == "code")


def _tags(cell: NotebookNode) -> tuple[str, ...]:
    return tuple(cell.metadata.get("tags", ()))


def cells(notebook: NotebookNode) -> list[Cell]:
    """Return what is compared between text and notebook."""
    return [Cell(cell.cell_type, cell.source, _tags(cell)) for cell in notebook.cells]


def outputs(notebook: NotebookNode) -> str:
    """Return the text that the cells tagged for checking have printed or returned."""
    parts = []
    for cell in code_cells(notebook):
        if CHECK in _tags(cell):
            for output in cell.outputs:
                parts.append(output.get("text", "") or output.get("data", {}).get("text/plain", ""))
    return "\n".join(parts)


def problems(source: Path) -> list[str]:
    """Return a sentence for each fault of a pair; an empty list if there is none.

    A pair is at fault where text and notebook hold different cells, where a cell tagged for checking
    was not run or printed nothing (nbval would pass over it in silence), where a chapter checks no
    cell at all, and where its prose states a decimal number that no checked cell prints.
    """
    path = pair_path(source)
    if not path.exists():
        return [f"{path} is missing; `make notebooks` writes it"]
    text, notebook = read(source), nbformat.read(path, as_version=4)
    ours, theirs = cells(text), cells(notebook)
    if ours != theirs:
        place = next(
            (i for i, (a, b) in enumerate(zip(ours, theirs, strict=False)) if a != b),
            min(len(ours), len(theirs)),
        )
        return [f"{path} differs from {source} from cell {place} on; `make notebooks` renews it"]
    return _checks(source, notebook) + _unprinted(source, notebook)


def _checks(source: Path, notebook: NotebookNode) -> list[str]:
    found, checked = [], 0
    for place, cell in enumerate(notebook.cells):
        if cell.cell_type != "code" or CHECK not in _tags(cell):
            continue
        checked += 1
        if cell.execution_count is None or not cell.outputs:
            found.append(f"{source}: cell {place} is tagged {CHECK} but holds no executed output")
        for output in cell.outputs:
            if output.output_type == "stream" and output.name == "stderr":
                found.append(f"{source}: cell {place} is tagged {CHECK} but prints to stderr")
            elif set(output.get("data", {})) - {"text/plain", "text/latex"}:
                found.append(f"{source}: cell {place} is tagged {CHECK} but shows more than text")
    if not checked and source.stem not in WITHOUT_CHECKS:
        found.append(f"{source}: no cell is tagged {CHECK}, so no number of it is compared")
    return found


def _unprinted(source: Path, notebook: NotebookNode) -> list[str]:
    printed = set(decimals(outputs(notebook)))
    return [
        f"{source}: the prose says {number}, but no checked cell prints it: …{context}…"
        for cell in notebook.cells
        if cell.cell_type == "markdown"
        for number, context in prose_numbers(cell.source)
        if decimals(number)[0] not in printed
    ]
