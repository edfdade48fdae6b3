"""What the paper says, from its abstract and, where said, from others' notes: nothing is built on these."""

from __future__ import annotations

from softbook.claims import Claim, register

register(
    Claim(
        id="quoted-dom-policy",
        title="Fine-tuning as a decision process",
        statement=(
            "Sampling from a discrete flow is a Markov decision process of several steps. Policy gradients then fine-tune it for a reward, keep the sampler as it is, and need neither biased estimators nor surrogates of the likelihood. "
            "An upper bound on the error of discretisation is given, and tractable upper bounds for the regularisers. (The abstract is known to us; the bounds are not.)"
        ),
        evidence="quoted",
        source="su2026domino, abstract",
    )
)

register(
    Claim(
        id="quoted-dom-regulariser",
        title="Regularisers in total variation",
        statement=(
            r"To prevent collapse, penalties by cross-entropy and by generalised KL keep the sampler near the pretrained one: both are upper bounds of a total variation between terminal laws. As others report, the bounds contain a factor $e^{M_u}$ with a bound $M_u$ on the rates "
            r"($\frac1{1-t}$ on the linear path), and the version by sites assumes that the terminal law is a product. (Second hand: the theorems themselves are not known to us.)"
        ),
        evidence="quoted",
        source="su2026domino, abstract, and Theorems 6.2 and 6.3 as reported by others",
    )
)

register(
    Claim(
        id="quoted-dom-enhancers",
        title="On HepG2 enhancers",
        statement=(
            "On enhancers of 200 letters the method is said to reach a predicted activity of 8.3, against 7.55 for the best baseline, at an accuracy of accessibility of 99.2 % against 99.5 %. (From a summary; seeds, steps and strengths are not known to us.)"
        ),
        evidence="quoted",
        source="su2026domino, as summarised by others",
    )
)
