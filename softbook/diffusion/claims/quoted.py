"""What the papers say, at the level of their abstracts: nothing below is built on these."""

from __future__ import annotations

from softbook.claims import Claim, register

register(
    Claim(
        id="quoted-diff-adjoint",
        title="Dimension-free convergence",
        statement=(
            "An adjoint-equation framework bounds the error of discrete diffusion in any integral probability metric, free of the number of tokens $S$, for masked and for uniform priors, under one "
            "standard regularity assumption on the rate matrix. Analyses by KL diverge for singular priors such as masks, and earlier bounds in total variation depend on $S$. "
            "(The abstract is known to us; constants and the assumption are not.)"
        ),
        evidence="quoted",
        source="kan2026dimension, abstract",
    )
)

register(
    Claim(
        id="quoted-diff-steps",
        title="Earlier rates",
        statement=(
            r"For uniform noise $\tau$-leaping reaches $\varepsilon$ in KL in $\tilde O(d/\varepsilon)$ steps, without linear dependence on $S$, and linear dependence on $d$ is unavoidable in general; for masks a "
            r"modified sampler's rate is governed by an *effective total correlation*, which is at most $d\log S$."
        ),
        evidence="quoted",
        source="dmitriev2026sharp, abstract",
    )
)

register(
    Claim(
        id="quoted-diff-linear",
        title="Guarantees linear in the vocabulary",
        statement=(
            r"Differential inequalities in the place of a change of measure give $\tau$-leaping a guarantee in KL that is linear in $S$ (quadratic before), and the first ones for the Euler method and "
            r"Tweedie $\tau$-leaping."
        ),
        evidence="quoted",
        source="liang2025novel, abstract",
    )
)

register(
    Claim(
        id="quoted-diff-flow",
        title="The chain of discrete flow matching",
        statement=(
            "The total variation between the generated and the target law is controlled by the risk of the learned velocity; the risk splits into the error of approximation by a Transformer and the error of "
            "estimation from finitely many samples. Together: the generated law converges to that of the data as the training set grows."
        ),
        evidence="quoted",
        source="su2025flow, abstract",
    )
)

register(
    Claim(
        id="quoted-diff-links",
        title="The later links, as others report them",
        statement=(
            r"Two machine-written reviews of the submission report its theorems: the total variation is at most of the order of the root of the risk, with a factor $\sqrt M$ for velocities that factorise over sites in the place of $M^{d/2}$; "
            r"a Transformer approximates a velocity that is Hölder smooth in time; the velocity is estimated from $n$ samples; and end to end the total variation falls like $n^{-1/(9Md_0)}$ up to logarithms, with a factor like $M^{7d_0}$, $d_0$ the Transformer's width. "
            "(We have not seen these theorems.)"
        ),
        evidence="quoted",
        source="su2025flow, as two reviews report it",
    )
)
