"""From a reader's files to a steered sampler, by the commands, on a small scale."""

from __future__ import annotations

import pytest

from softbook.domino.experiment.grammar import dna_sequences, labels
from softbook.domino.experiment.loaders import text
from softbook.domino.experiment.own import main

SMALL = ["--channels", "8", "--layers", "2", "--steps", "3", "--length", "60"]


@pytest.fixture
def files(tmp_path):
    """A FASTA file and a table of the same 40 sequences, and one that is shorter."""
    rows = dna_sequences(40, length=60, seed=0)
    words = [*text(rows), "ACGT"]
    fasta, tall = tmp_path / "a.fa", tmp_path / "a.csv"
    fasta.write_text("".join(f">{i}\n{word}\n" for i, word in enumerate(words)))
    values = [*labels(rows, 0).tolist(), 0.0]
    lines = [f"{word},{value}" for word, value in zip(words, values, strict=True)]
    tall.write_text("\n".join(["seq,hepg2", *lines]))
    return tmp_path


def test_from_files_to_a_steered_sampler(files, capsys):
    model, judge, out = (str(files / f"{n}.safetensors") for n in ("model", "judge", "out"))
    main(["pretrain", str(files / "a.fa"), "--out", model, *SMALL])
    assert "40 sequences" in capsys.readouterr().out
    main(["judge", str(files / "a.csv"), "--out", judge, *SMALL])
    assert "correlation" in capsys.readouterr().out
    steer = ["steer", model, judge, "--out", out]
    main([*steer, "--iterations", "2"])
    first = capsys.readouterr().out
    assert len(first.split("; ")[1].strip()) == 60
    main([*steer, "--iterations", "2"])
    assert capsys.readouterr().out == first


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["pretrain", "nowhere.fa"], "No such file"),
        (["pretrain", "{folder}/a.fa", "--length", "7"], "length: 7 is given, but"),
        (
            ["judge", "{folder}/a.csv", "--length", "60", "--column", "k562"],
            "line 1: the column 'k562'",
        ),
        (["judge", "{folder}/a.csv", "--length", "4"], "data: 1 sequences are given, but 20"),
        (["steer", "{folder}/a.fa", "{folder}/a.csv"], "a.fa"),
    ],
)
def test_what_is_wrong_is_said(files, capsys, arguments, sentence):
    given = [one.format(folder=files) for one in arguments]
    with pytest.raises(SystemExit) as found:
        main([*given, "--out", str(files / "out.safetensors")])
    assert found.value.code == 2
    assert sentence in capsys.readouterr().err
    assert not (files / "out.safetensors").exists()
