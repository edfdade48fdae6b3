"""The book's notebooks: in step with their text, checked cells run, every prose number printed."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest

from softbook.notebooks.pair import CHECK, code_cells, pair_path, problems, sources

BOOK = Path(__file__).parents[2] / "book"
CHAPTERS = sources(BOOK)


def test_the_book_has_chapters():
    assert {"index", "relu_to_softmax"} <= {source.stem for source in CHAPTERS}


def test_every_notebook_has_a_text():
    assert {path.stem for path in BOOK.glob("*.ipynb")} <= {source.stem for source in CHAPTERS}


@pytest.mark.parametrize("source", CHAPTERS, ids=lambda source: source.stem)
def test_a_chapter_and_its_notebook_have_no_fault(source: Path):
    assert problems(source) == []


@pytest.mark.parametrize("source", CHAPTERS, ids=lambda source: source.stem)
def test_a_notebook_is_small_and_holds_no_widget_state(source: Path):
    path = pair_path(source)
    notebook = nbformat.read(path, as_version=4)
    assert path.stat().st_size < 500_000
    assert notebook.metadata.kernelspec.name == "python3"
    assert "widgets" not in notebook.metadata
    assert not [c for c in code_cells(notebook) if c.outputs and CHECK not in c.metadata.tags]
