"""What the papers say, at the level at which it is known here: nothing below is built on these."""

from __future__ import annotations

from softbook.claims import Claim, register

register(
    Claim(
        id="quoted-ssd-classes",
        title="Semiseparable matrices are state-space models",
        statement=(
            "A lower-triangular matrix is *$N$-semiseparable* if every submatrix that lies on or below the "
            "diagonal has rank at most $N$. These are exactly the matrices of state-space models with $N$ states "
            r"(and transitions $A_t\in\mathbb R^{N\times N}$ that may change with $t$)."
        ),
        evidence="quoted",
        source="dao2024transformers, Definition 3.1, Proposition 3.4 and Theorem 3.5",
    )
)

register(
    Claim(
        id="quoted-ssd-scan",
        title="A state-space model runs in linear time",
        statement=(
            "A state-space model with $N$ states is applied to a sequence of length $T$ in $O(TN)$ operations."
        ),
        evidence="quoted",
        source="dao2024transformers, Theorem 3.7",
    )
)

register(
    Claim(
        id="quoted-ssd-paper",
        title="The duality, as its authors generalise it",
        statement=(
            "Structured state-space duality extends from scalar-identity to diagonal state-space models, which match "
            "the scalar case's lower bounds on training complexity; there is a necessary and sufficient condition "
            "under which a state-space model is equivalent to 1-semiseparable masked attention; and the duality fails "
            "to extend to standard softmax attention, because of rank explosion. The abstract is known to us word by "
            "word, the theorems (4.1, 4.2 and 5.1 of the second preprint) only as readers describe them."
        ),
        evidence="quoted",
        source="hu2025structured, abstract",
    )
)
