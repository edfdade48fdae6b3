"""Planted faults: each way in which a notebook can go wrong unseen is seen here to go red."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from softbook.notebooks.__main__ import main
from softbook.notebooks.pair import CHECK, code_cells, pair_path, problems, read, sources, write

CHAPTER = """---
jupytext:
  text_representation:
    extension: .md
    format_name: myst
kernelspec:
  display_name: Python 3 (ipykernel)
  language: python
  name: python3
---

# A chapter

The half is 0.50, as the cell prints.

```{code-cell} ipython3
:tags: [nbval-check-output]

print(f"half {1 / 2:.2f}")
```

```{code-cell} ipython3
import os

print(os.getpid())
```
"""


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """The chapter's text and its executed notebook, made once: a kernel takes a second to start."""
    source = tmp_path_factory.mktemp("book") / "chapter.md"
    source.write_text(CHAPTER, "utf-8")
    return source.read_text("utf-8"), write(source).read_text("utf-8")


@pytest.fixture
def chapter(tmp_path: Path, written: tuple[str, str]) -> Path:
    source = tmp_path / "chapter.md"
    source.write_text(written[0], "utf-8")
    pair_path(source).write_text(written[1], "utf-8")
    return source


def _change_cell(source: Path, **fields: object) -> None:
    """Change the first code cell of the notebook as a careless hand would."""
    notebook = nbformat.read(pair_path(source), as_version=4)
    next(code_cells(notebook)).update(fields)
    nbformat.write(notebook, pair_path(source))


def _change_text(source: Path, old: str, new: str) -> None:
    """Change text and notebook alike, so that only the change's own fault is left."""
    for path in (source, pair_path(source)):
        text = path.read_text("utf-8")
        assert old in text
        path.write_text(text.replace(old, new), "utf-8")


def test_a_sound_pair_has_no_problem_and_keeps_checked_outputs_only(chapter: Path):
    notebook = nbformat.read(pair_path(chapter), as_version=4)
    first, second = code_cells(notebook)
    assert problems(chapter) == []
    assert (first.execution_count, first.outputs[0].text) == (1, "half 0.50\n")
    assert (second.execution_count, second.outputs) == (None, [])
    assert "widgets" not in notebook.metadata
    assert "execution" not in first.metadata


def test_the_text_is_never_written(chapter: Path, written: tuple[str, str]):
    assert written[0] == CHAPTER == chapter.read_text("utf-8")


def test_ids_depend_on_content_only(chapter: Path):
    before = [cell.id for cell in read(chapter).cells]
    _change_text(chapter, "# A chapter", "# A chapter of its own")
    after = [cell.id for cell in read(chapter).cells]
    assert len(set(before)) == len(before)
    assert before[1:] == after[1:]
    assert before[0] != after[0]


def test_a_missing_notebook_goes_red(chapter: Path):
    pair_path(chapter).unlink()
    assert "is missing" in problems(chapter)[0]


@pytest.mark.parametrize(
    ("old", "new"),
    [("1 / 2", "1 / 4"), ("# A chapter", "# B"), ("[nbval-check-output]", "[hide-input]")],
)
def test_a_pair_out_of_step_goes_red(chapter: Path, old: str, new: str):
    chapter.write_text(CHAPTER.replace(old, new), "utf-8")
    assert "differs from" in problems(chapter)[0]


def test_a_cell_more_in_the_text_goes_red(chapter: Path):
    chapter.write_text(CHAPTER + "\n```{code-cell} ipython3\n1\n```\n", "utf-8")
    assert "differs from" in problems(chapter)[0]


@pytest.mark.parametrize("fields", [{"outputs": []}, {"execution_count": None}])
def test_a_check_cell_that_was_not_run_goes_red(chapter: Path, fields: dict[str, object]):
    _change_cell(chapter, **fields)
    assert any("holds no executed output" in sentence for sentence in problems(chapter))


def test_a_chapter_without_a_check_cell_goes_red(chapter: Path):
    chapter.write_text(CHAPTER.replace(CHECK, "hide-input").replace("0.50, as", "what"), "utf-8")
    write(chapter)
    assert problems(chapter) == [
        f"{chapter}: no cell is tagged {CHECK}, so no number of it is compared"
    ]


@pytest.mark.parametrize("wrong", ["0.5", "0.51", "10.50"])
def test_a_number_in_the_prose_that_no_cell_prints_goes_red(chapter: Path, wrong: str):
    _change_text(chapter, "half is 0.50", f"half is {wrong}")
    assert [s for s in problems(chapter) if f"the prose says {wrong}, but" in s]


def test_a_number_that_only_an_unchecked_cell_prints_goes_red(chapter: Path):
    _change_text(chapter, "print(os.getpid())", "print(0.25)")
    _change_text(chapter, "half is 0.50", "quarter is 0.25")
    assert [s for s in problems(chapter) if "the prose says 0.25, but" in s]


def test_a_quoted_number_needs_no_cell(chapter: Path):
    _change_text(chapter, "half is 0.50", "half is 0.50 and theirs 0.75<!-- quoted -->")
    assert problems(chapter) == []


def test_a_failing_cell_stops_the_writing(chapter: Path):
    before = pair_path(chapter).read_bytes()
    chapter.write_text(CHAPTER.replace("1 / 2", "1 / 0"), "utf-8")
    with pytest.raises(Exception, match="ZeroDivisionError"):
        write(chapter)
    assert pair_path(chapter).read_bytes() == before


def test_pages_without_a_kernel_are_no_notebooks(chapter: Path):
    (chapter.parent / "page.md").write_text("# A page\n\nkernelspec: none\n", "utf-8")
    assert sources(chapter.parent) == [chapter]


def test_the_command_reports_and_exits_with_one(chapter: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["check", "--book", str(chapter.parent)]) == 0
    _change_cell(chapter, outputs=[])
    assert main(["check", "chapter", "--book", str(chapter.parent)]) == 1
    assert "holds no executed output" in capsys.readouterr().err
    assert main(["check", "absent", "--book", str(chapter.parent)]) == 2


def test_nbval_goes_red_on_a_changed_number_and_passes_over_an_unrun_cell(chapter: Path):
    """The second half is nbval's trap: it is why `problems` looks at execution counts itself."""
    text = pair_path(chapter).read_text("utf-8")
    (chapter.parent / "changed.ipynb").write_text(text.replace("half 0.50", "half 0.51"), "utf-8")
    _change_cell(chapter, outputs=[], execution_count=None)
    pair_path(chapter).rename(chapter.parent / "unrun.ipynb")
    (chapter.parent / "empty.ini").write_text("[pytest]\n", "utf-8")
    command = [sys.executable, "-m", "pytest", "-c", "empty.ini", "-q", "--nbval-lax"]
    command += ["--nbval-current-env", "changed.ipynb", "unrun.ipynb"]
    run = subprocess.run(
        command, cwd=chapter.parent, capture_output=True, text=True, timeout=120, check=False
    )
    assert run.returncode == 1
    assert re.findall(r"^FAILED (\S+)", run.stdout, re.MULTILINE) == ["changed.ipynb::Cell"], (
        run.stdout
    )
    assert re.search(r"^1 failed, 3 passed", run.stdout, re.MULTILINE), run.stdout
