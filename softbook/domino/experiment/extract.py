"""The command that makes `data/jaspar.json`: ten human count matrices of JASPAR 2024.

It needs the package pyjaspar (which carries the database), best in an environment of its own,
because the book itself does not need it:

    python -m venv /tmp/jaspar && /tmp/jaspar/bin/pip install pyjaspar
    /tmp/jaspar/bin/python softbook/domino/experiment/extract.py
"""

from __future__ import annotations

import json
from pathlib import Path

RELEASE = "JASPAR2024"
# NRF1 in its first version: the later ones, .2 and .3, are matrices of the mouse.
ACCESSIONS = (
    "MA0114.5",
    "MA0046.3",
    "MA0102.5",
    "MA0148.5",
    "MA0079.5",
    "MA0506.1",
    "MA0491.3",
    "MA0138.3",
    "MA0038.3",
    "MA0139.2",
)
ATTRIBUTION = (
    "Count matrices of JASPAR 2024 (Rauluseviciute et al., Nucleic Acids Research 52, D174-D182, "
    "2024, https://jaspar.elixir.no), licensed under CC BY 4.0 "
    "(https://creativecommons.org/licenses/by/4.0/). Ten matrices are chosen; counts are unchanged."
)


def main() -> None:
    """Write the extract beside the library; the same file on every run."""
    from pyjaspar import jaspardb

    base = jaspardb(release=RELEASE)
    matrices = []
    for accession in ACCESSIONS:
        motif = base.fetch_motif_by_id(accession)
        counts = [[float(motif.counts[letter][i]) for letter in "ACGT"] for i in range(len(motif))]
        matrices.append(
            {
                "accession": accession,
                "name": motif.name,
                "species": motif.species,
                "counts": counts,
            }
        )
    content = {"release": RELEASE, "attribution": ATTRIBUTION, "letters": "ACGT"}
    target = Path(__file__).parent.parent / "data" / "jaspar.json"
    target.write_text(json.dumps({**content, "motifs": matrices}, indent=1) + "\n")


if __name__ == "__main__":
    main()
