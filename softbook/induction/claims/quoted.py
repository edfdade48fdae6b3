"""What the paper says: nothing below is built on these."""

from __future__ import annotations

from softbook.claims import Claim, register

register(
    Claim(
        id="quoted-ind-transition",
        title="The transition",
        statement=(
            r"For $N_{\rm trg}=o(N^{1/3})$, $\eta_V\lesssim1$ and $\eta_V\eta_{KQ}\gtrsim N^3N_{\rm trg}^3\log N$, after the two steps on the population: there are $\varepsilon_1,\varepsilon_2=\Theta(1/N_{\rm trg})$ such that with "
            r"$R<\varepsilon_1$ the model is right for all $\ell_1,\ell_2$, and with $R>\varepsilon_2$ it is wrong on some sequence. (The constants are not in the main text.)"
        ),
        evidence="quoted",
        source="kawata2025shortcut, Theorem 5",
    )
)

register(
    Claim(
        id="quoted-ind-weights",
        title="Two mechanisms in one matrix",
        statement=(
            r"Informally: for one length $\ell$ and one trigger $w$, the second step leaves $W_{KQ}$ proportional to $\frac1T(p_{\ell+2}+p_{\ell+3};\,0;\,e_w)(p_T;\,e_w;\,0)^\top$, in the blocks position, token, previous token. "
            r"For a law on lengths these are superposed: the positions keep the strength of one length, $q_\ell/T$, the induction part sums over lengths and is divided by $N_{\rm trg}$."
        ),
        evidence="quoted",
        source="kawata2025shortcut, Lemma 7",
    )
)

register(
    Claim(
        id="quoted-ind-linear",
        title="The cheapest data",
        statement=(
            r"Among laws with $R\le1/N_{\rm trg}$ on bounded lengths, $\sum_\ell q_\ell\ell^2$ is least for $q_\ell=\ell/Z$ on $\ell\le N_{\rm trg}$ and $0$ beyond, $Z=N_{\rm trg}(N_{\rm trg}+1)/2$."
        ),
        evidence="quoted",
        source="kawata2025shortcut, Proposition 8",
    )
)
