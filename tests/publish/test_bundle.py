"""The archive and the single file, without a browser: contents, refusals, the same bytes twice."""

from __future__ import annotations

import re
import zipfile

import pytest

from softbook.__main__ import main
from softbook.claims import ledger
from softbook.commands.bundle import START, TOP, files_of, write
from softbook.explore import explore
from softbook.publish.mathml import formula, words_html
from softbook.publish.single import page


@pytest.fixture
def small(tmp_path):
    """A folder like a built book's."""
    html = tmp_path / "html"
    (html / "book").mkdir(parents=True)
    (html / "index.html").write_text("<p>one</p>")
    (html / "book" / "two.html").write_text("<p>two</p>")
    (html / ".buildinfo").write_text("hash")
    return html


def test_the_archive_holds_the_book_and_a_start(small, tmp_path, capsys):
    out = tmp_path / "a.zip"
    assert main(["zip", "--html", str(small), "--out", str(out)]) == 0
    assert "6 files" in capsys.readouterr().out
    with zipfile.ZipFile(out) as archive:
        assert archive.testzip() is None
        book = [f"{TOP}/book/two.html", f"{TOP}/index.html"]
        assert archive.namelist() == [START, "LICENSE", "LICENSE-TEXT", "CITATION.cff", *book]
        assert b"MIT" in archive.read("LICENSE")
        assert archive.read(f"{TOP}/book/two.html") == b"<p>two</p>"
        assert f'href="{TOP}/index.html"' in archive.read(START).decode()


def test_the_same_book_gives_the_same_bytes(small, tmp_path):
    one, two = tmp_path / "a.zip", tmp_path / "b.zip"
    write(small, one)
    (small / "index.html").touch()
    write(small, two)
    assert one.read_bytes() == two.read_bytes()
    (small / "index.html").write_text("<p>other</p>")
    write(small, two)
    assert one.read_bytes() != two.read_bytes()


def test_without_a_book_there_is_a_sentence(tmp_path, capsys):
    out = tmp_path / "a.zip"
    assert main(["zip", "--html", str(tmp_path), "--out", str(out)]) == 2
    assert "holds no built book; make book builds one" in capsys.readouterr().err
    assert not out.exists()
    with pytest.raises(FileNotFoundError):
        files_of(tmp_path / "nowhere")


def test_an_unknown_id_is_told_its_neighbours(capsys):
    assert main(["export", "two-kyes"]) == 2
    assert "no explorable and no claim; near it are two-keys" in capsys.readouterr().err


def test_a_quotation_has_nothing_to_draw(capsys):
    assert main(["export", "quoted-dom-policy"]) == 2
    assert "has no side to draw" in capsys.readouterr().err


@pytest.mark.parametrize("id", ["two-keys", "dom-telescope"])
def test_a_file_stands_alone(id, tmp_path, capsys):
    out = tmp_path / "one.html"
    assert main(["export", id, "--out", str(out)]) == 0
    text = out.read_text("utf-8")
    assert not re.findall(r"<(?:script|link|img)[^>]*\s(?:src|href)=", text)
    assert text.count("<script>") == text.count("</script>") == 6
    assert "opens by itself" in capsys.readouterr().out


def test_a_claim_says_its_formulas_without_latex(tmp_path):
    out = tmp_path / "one.html"
    assert main(["export", "relu-two-keys", "--out", str(out)]) == 0
    note = out.read_text("utf-8").split("</figure>")[1].split("</main>")[0]
    assert "$" not in note
    assert note.count("<math ") >= 3
    assert "Proved in this book." in note


@pytest.mark.parametrize("claim", ledger(), ids=lambda claim: claim.id)
def test_every_formula_of_a_claim_is_set(claim):
    words = words_html("\n\n".join([claim.statement, *(h.statement for h in claim.hypotheses)]))
    assert "$" not in words
    for code in re.findall(r"<code>(.*?)</code>", words):
        assert "\\" not in code


def test_a_formula_that_is_not_known_stays_in_sight():
    """The planted fault: LaTeX that the converter cannot read."""
    assert words_html(r"as $\nonsense{x}$") == r"<p>as <code>\nonsense{x}</code></p>"


@pytest.mark.parametrize(
    ("tex", "parts"),
    [
        (r"\mathbb{1}", "<mn>𝟙</mn>"),
        (r"\mathcal B", ">ℬ</mi>"),
        (r"\boldsymbol{\alpha<}", "<mi>𝜶</mi><mo>&lt;</mo>"),
        (r"\mathrm{d}x", '<mi mathvariant="normal">d</mi>'),
    ],
)
def test_letters_in_a_style_are_letters_of_their_own(tex, parts):
    assert parts in formula(tex)


def test_the_policy_stands_before_all_scripts():
    text = page(explore("two-keys").payload())
    assert text.index("Content-Security-Policy") < text.index("<script>")
