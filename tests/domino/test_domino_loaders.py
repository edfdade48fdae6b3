"""Readers of sequences: what is written comes back, and each broken file gets its sentence and line."""

from __future__ import annotations

import gzip
import itertools

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from softbook.domino.experiment import loaders
from softbook.domino.experiment.grammar import dna_sequences, labels
from softbook.domino.experiment.loaders import (
    batches,
    read_activities,
    read_fasta,
    text,
    tokens_of,
)
from softbook.domino.model.regression import train_oracle, values

WORDS = st.lists(st.text("ACGT", min_size=1, max_size=40), min_size=1, max_size=5)


@pytest.fixture
def written(tmp_path):
    """A function that writes content under a name and returns the path."""

    def write(content, name="file.txt"):
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write


@given(
    st.integers(1, 30).flatmap(
        lambda d: st.lists(st.text("ACGT", min_size=d, max_size=d), min_size=1)
    )
)
def test_words_and_tokens(words):
    assert text(tokens_of(words)) == words
    assert torch.equal(tokens_of(word.lower() for word in words), tokens_of(words))


@given(WORDS, st.integers(1, 50), st.sampled_from(["\n", "\r\n"]), st.booleans())
def test_fasta_comes_back(tmp_path_factory, words, width, end, packed):
    content = ""
    for number, word in enumerate(words):
        lines = [word[i : i + width] for i in range(0, len(word), width)]
        content += end.join([f">r{number} note", *lines, "", ""])
    path = tmp_path_factory.mktemp("fasta") / ("a.fa.gz" if packed else "a.fa")
    path.write_bytes(gzip.compress(content.encode()) if packed else content.encode())
    assert list(read_fasta(path)) == [(f"r{i} note", word) for i, word in enumerate(words)]


BROKEN_FASTA = [
    ("ACGT\n", "line 1: letters stand before"),
    (">one\nACGT\n\n>two\n>three\nA\n", "line 4: the record 'two' has no letters"),
    (">one\nACGT\n>two\n", "line 3: the record 'two' has no letters"),
    (">one\nACGT\nACNT\n", "line 3: has 'N' at place 3, but A C G T are allowed"),
    (">one\nAC GT\n", "line 2: has ' ' at place 3"),
    (">one\nA\n>  \nC\n", "line 3: a name is needed"),
    ("\n\n", "no record is there"),
    (b">one\nAC\n\xff\xfe\n", "line . or after it: cannot be read as text"),
]


@pytest.mark.parametrize(("content", "sentence"), BROKEN_FASTA)
def test_a_broken_fasta_gets_its_line(written, content, sentence):
    with pytest.raises(ValueError, match=f"file.txt.*{sentence}"):
        list(read_fasta(written(content)))


BROKEN_TABLES = [
    ("", "the file is empty"),
    ("seq,k562\nA,1\n", "line 1: the column 'hepg2' is needed once, but there are seq, k562"),
    ("seq,hepg2,seq\nA,1,C\n", "line 1: the column 'seq' is needed once"),
    ("seq,hepg2\nA,1\nC\n", "line 3: 1 fields, but the header has 2"),
    ("seq,hepg2\nA,1\nC,2,3\n", "line 3: 3 fields"),
    ("seq,hepg2\n\nA,1\nC,much\n", "line 4: hepg2 is 'much', but a finite number"),
    ("seq,hepg2\nA,nan\n", "line 2: hepg2 is 'nan'"),
    ("seq,hepg2\nA,\n", "line 2: hepg2 is ''"),
    ("seq,hepg2\nA,inf\n", "line 2: hepg2 is 'inf'"),
    ("seq,hepg2\nAXA,1\n", "line 2: has 'X' at place 2"),
    ("seq,hepg2\n,1\n", "line 2: the sequence is empty"),
    ('seq,hepg2\nA,1\n"C,1\n', "line 3: unexpected end of data"),
    (b"seq,hepg2\nA,1\n\xff\xff,1\n", "line . or after it: cannot be read as text"),
]


@pytest.mark.parametrize(("content", "sentence"), BROKEN_TABLES)
def test_a_broken_table_gets_its_line(written, content, sentence):
    with pytest.raises(ValueError, match=f"file.txt.*{sentence}"):
        list(read_activities(written(content)))


def test_a_line_counted_from_zero_is_noticed(written, monkeypatch):
    """The planted fault: numbers of lines are one too small."""
    monkeypatch.setattr(
        loaders, "enumerate", lambda rows, start: enumerate(rows, start - 1), raising=False
    )
    with pytest.raises((AssertionError, pytest.fail.Exception)):
        test_a_broken_fasta_gets_its_line(written, *BROKEN_FASTA[3])


def test_a_cut_archive_is_refused(written):
    whole = gzip.compress((">one\n" + "ACGT\n" * 9999).encode())
    with pytest.raises(ValueError, match=r"cannot be read as text"):
        list(read_fasta(written(whole[: len(whole) // 2], "cut.fa.gz")))


def test_columns_lengths_and_a_mark_at_the_start(written):
    path = written("\ufeffid,seq,a,b\n1,acgt,1,2e-1\n2,AC,3,4\n3,TTTT,-5,6\n")
    assert list(read_activities(path, ["b", "a"], length=4)) == [
        ("ACGT", (0.2, 1.0)),
        ("TTTT", (6.0, -5.0)),
    ]


def test_files_are_read_as_they_are_asked_for(written):
    """The fault at the end is not met by who reads the beginning: the file is not read at once."""
    fasta = written(">one\nACGT\n" * 10_000 + ">two\nX\n", "long.fa")
    assert list(itertools.islice(read_fasta(fasta), 2)) == [("one", "ACGT")] * 2
    table = written("seq,hepg2\n" + "ACGT,1\n" * 10_000 + "X,1\n", "long.csv")
    first, _ = next(batches(read_activities(table), 3))
    assert first.shape == (3, 4)
    for records in (read_fasta(fasta), read_activities(table)):
        with pytest.raises(ValueError, match="has 'X'"):
            list(records)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ([], "none is given"),
        ([""], "none is given"),
        (["AC", "A"], "number 2 has 1 letters, the first has 2"),
        (["AC", "AU"], "number 2 has 'U' at place 2"),
    ],
)
def test_bad_words_get_a_sentence(words, sentence):
    with pytest.raises(ValueError, match=f"sequences: {sentence}"):
        tokens_of(words)


def test_other_kinds_get_a_sentence(as_reader, written):
    with pytest.raises(TypeError, match="sequences: number 1 is 3, but text is needed"):
        tokens_of([3])
    with pytest.raises(ValueError, match="tokens: 0 to 4 are given"):
        text(torch.tensor([[0, 4]]))
    with pytest.raises(ValueError, match="activities: 'hepg2' is given, but a list"):
        next(read_activities(written("seq,hepg2\n"), "hepg2"))
    with pytest.raises(FileNotFoundError):
        next(read_fasta("nowhere.fa"))


def test_from_a_table_to_a_learned_reward(written):
    rows = dna_sequences(60, length=200, seed=0)
    lines = [f"{w},{v!r}" for w, v in zip(text(rows), labels(rows, 0).tolist(), strict=True)]
    path = written("seq,hepg2\n" + "\n".join(lines) + "\n")
    parts = list(batches(read_activities(path, length=200), 25))
    tokens = torch.cat([part for part, _ in parts])
    targets = torch.cat([part for _, part in parts])[:, 0]
    assert torch.equal(tokens, rows)
    assert torch.equal(targets, labels(rows, 0))
    oracle = train_oracle(tokens, targets, steps=3, channels=8, progress=False)
    assert values(oracle, tokens).isfinite().all()
