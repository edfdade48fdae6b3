"""What the papers say, at the level at which it is known here: nothing below is built on these."""

from __future__ import annotations

from softbook.claims import Claim, register

register(
    Claim(
        id="quoted-recipe",
        title="The recipe, as its authors state it",
        statement=(
            "Given a constructive ReLU approximator for a target, an explicit softmax transformer "
            "(attention only) with the same accuracy can be constructed. The recipe covers many common "
            "approximation targets and yields target-specific resource bounds; it is shown on "
            "multiplication, reciprocal computation and min/max primitives."
        ),
        evidence="quoted",
        source="hu2026relu, abstract and introduction",
    )
)

register(
    Claim(
        id="quoted-universal",
        title="Attention alone approximates",
        statement=(
            "With linear transformations, both two-layer self-attention and one-layer self-attention "
            "followed by a softmax are universal approximators for continuous sequence-to-sequence "
            "functions on compact domains; self-attention approximates a generalised ReLU to "
            "arbitrary precision."
        ),
        evidence="quoted",
        source="hu2025universal, abstract",
    )
)

register(
    Claim(
        id="quoted-ramp-one-head",
        title="A ramp from one head",
        statement=(
            "One head and one layer, after a linear map that lengthens the sequence to $p$ columns, "
            r"approximate $\mathrm{clip}_{[a,b]}(w\cdot x+t)$ at every token with error $O(1/p)$. "
            "The rate is known to us through the paper's reviewers, its constant is not."
        ),
        evidence="quoted",
        source="hu2025universal, the theorem on one head, as its reviewers describe it",
    )
)

register(
    Claim(
        id="quoted-ramp-many-heads",
        title="A ramp from many heads",
        statement=(
            "The same with $H$ heads and a token-wise map: error $O(1/(nH))$ for sequences of length $n$. "
            "The rate is known to us through the paper's reviewers, its constant is not."
        ),
        evidence="quoted",
        source="hu2025universal, the theorem on many heads, as its reviewers describe it",
    )
)

register(
    Claim(
        id="quoted-max-affine",
        title="Attention as a partition",
        statement=(
            "A single-head attention layer, preceded by a sum of linear transformations, approximates any "
            r"continuous function on a compact domain in $L_\infty$, and any integrable one in $L_p$ for "
            r"$1\le p<\infty$: one head partitions the domain and gives each part its value."
        ),
        evidence="quoted",
        source="liu2025maxaffine, abstract",
    )
)

register(
    Claim(
        id="quoted-boolean",
        title="Expressible is not learnable",
        statement=(
            r"AND and OR of $k=\Theta(d)$ bits chosen among $d$ cannot be solved by a single softmax head "
            "trained end to end; with teacher forcing, one gradient step suffices."
        ),
        evidence="quoted",
        source="hu2025boolean, abstract",
    )
)
