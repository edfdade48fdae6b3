"""Claims on chains in continuous time: frozen rates, sites on their own, other rates."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from jaxtyping import Float64
from scipy.integrate import solve_ivp

from softbook.claims import Claim, Hypothesis, Tolerance, register
from softbook.diffusion.model.path import states
from softbook.domino.claims.common import SEED, SITES, rng_of
from softbook.domino.theory.jumps import jump_bound, rates_bound
from softbook.knobs import Choice, Integer, Linear, Switch

Rates = Float64[np.ndarray, "n d S"]
SOLVED = Tolerance(
    "the equations of the laws are solved with a relative error of 1e-10 a step, an absolute one of 1e-13: 1e-8",
    lambda **_: 1e-8,
)
TOKENS = Choice([2, 3], label="letters S")


@lru_cache(maxsize=32)
def _space(tokens: int, sites: int) -> tuple[np.ndarray, np.ndarray]:
    """Return all words, and where each goes if one site takes one letter."""
    words = states(tokens, sites)
    places = tokens ** np.arange(sites)[::-1]
    letters = np.arange(tokens)
    moves = (letters[None, None] - words[..., None]) * places[:, None]
    return words, np.arange(len(words))[:, None, None] + moves


def rates_of(tokens: int, sites: int, seed: int, part: int, sharp: float = 1.0) -> Rates:
    """Return random rates of each site to each other letter, in every state; some are zero."""
    rng = rng_of(seed, part)
    words, _ = _space(tokens, sites)
    found = rng.gamma(sharp, size=(*words.shape, tokens))
    found *= rng.random(found.shape) < 0.8
    return np.where(words[..., None] == np.arange(tokens), 0.0, found)


def generator(rates: Rates) -> Float64[np.ndarray, "n n"]:
    """Return Q of these rates: rows sum to zero."""
    size, sites, tokens = rates.shape
    _, goal = _space(tokens, sites)
    made = np.zeros((size, size))
    np.add.at(made, (np.arange(size)[:, None, None], goal), rates)
    return made - np.diag(rates.sum((1, 2)))


def system(tokens: int, sites: int, seed: int, load: float, steps: int) -> tuple[Rates, Rates]:
    """Return rates at the times 0 and 1, between which they are linear, with the greatest exit rate load·K."""
    both = [rates_of(tokens, sites, seed, part) for part in (4, 5)]
    top = max(one.sum((1, 2)).max() for one in both)
    scale = load * steps / top if top > 0 else 0.0
    return both[0] * scale, both[1] * scale


def exact(first: Rates, last: Rates) -> Float64[np.ndarray, " n"]:
    """Return the law at time 1 of the chain that begins in the first state."""
    one, slope = generator(first), generator(last) - generator(first)
    start = np.zeros(len(one))
    start[0] = 1.0
    found = solve_ivp(
        lambda t, law: law @ (one + t * slope), (0, 1), start, "DOP853", rtol=1e-10, atol=1e-13
    )
    return found.y[:, -1]


def frozen(first: Rates, last: Rates, steps: int, kernel: str) -> Float64[np.ndarray, " n"]:
    """Return the law after K steps with the rates of each step's beginning."""
    size, sites, tokens = first.shape
    words, _ = _space(tokens, sites)
    law = np.zeros(size)
    law[0] = 1.0
    stays = words[..., None] == np.arange(tokens)
    for k in range(steps):
        now = first + k / steps * (last - first)
        if kernel == "joint":
            law = law + law @ generator(now) / steps
            continue
        each = now / steps
        each = each + stays * (1 - each.sum(-1, keepdims=True))
        rows = law[:, None]
        for site in range(sites):
            rows = (rows[:, :, None] * each[:, site, None, :]).reshape(size, -1)
        law = rows.sum(0)
    return law


def frozen_apart(kernel: str, load: float, steps: int, still: bool = False, **shape: int) -> float:
    """Return TV of the chain and its steps; `still`: rates begin at zero."""
    first, last = system(load=load, steps=steps, **shape)
    first = 0.0 * first if still else first
    return float(np.abs(exact(first, last) - frozen(first, last, steps, kernel)).sum() / 2)


def frozen_bound(kernel: str, load: float, steps: int, still: bool = False, **shape: int) -> float:
    """Return the bound; `still`: the change of the rates is left out of it."""
    first, last = system(load=load, steps=steps, **shape)
    change = 0.0 if still else float(np.abs(generator(last) - generator(first)).sum(1).max())
    rate = max(float(one.sum((1, 2)).max()) for one in (first, last))
    return jump_bound(rate, change, 1.0, steps, kernel=kernel, sites=shape["sites"])


KNOBS = {
    "tokens": TOKENS,
    "sites": SITES,
    "steps": Integer(1, 32, default=4, label="steps K"),
    "seed": SEED,
    "load": Linear(0.01, 1.0, default=0.2, label="hΛ", points=100),
    "still": Switch(False, label="the rates' change is left out"),
}
CHANGE = Hypothesis(
    "the rates out of a state change by at most $L|t-s|$",
    lambda still, **_: not still,
    violation={"still": True, "steps": 1, "load": 0.01},
)


def _claim(kernel: str, title: str, statement: str, depends: tuple[str, ...] = ()) -> None:
    register(
        Claim(
            id=f"dom-jumps-{kernel}",
            title=title,
            statement=statement,
            evidence="proved",
            source="own",
            knobs=KNOBS,
            predicted=lambda **settings: frozen_bound(kernel, **settings),
            measured=lambda **settings: frozen_apart(kernel, **settings),
            tolerance=SOLVED,
            depends=depends,
            hypotheses=[CHANGE],
        )
    )


_claim(
    "joint",
    "Frozen rates",
    r"A chain on $[0,T]$ has exit rates of at most $\Lambda$, and the rates out of a state, the diagonal included, change by at most $L|t-s|$ in all. "
    r"Let $h=T/K$ with $h\Lambda\le1$. Steps with the kernel $I+hQ_{t_k}$ end within $$\mathrm{TV}\le hT\bigl(\Lambda^2+\tfrac L4\bigr)$$ of the chain, whatever the number of states.",
)
_claim(
    "product",
    "Sites on their own",
    r"In the same setting on $d$ sites, let each site $i$ jump with probability $h\lambda^i_{t_k}(x)$, independently given the state $x$ at the step's beginning. Then "
    r"$$\mathrm{TV}\le hT\Bigl(\bigl(2-\tfrac1d\bigr)\Lambda^2+\tfrac L4\Bigr).$$",
    depends=("dom-jumps-joint",),
)


def apart(
    tokens: int, sites: int, seed: int, speed: float, far: float, moved: bool
) -> tuple[float, float]:
    """Return TV of two chains at time 1, and the integral that bounds it."""
    ours = speed * rates_of(tokens, sites, seed, 4)
    rng = rng_of(seed, 6)
    push = np.exp(far * rng.normal(size=ours.shape))
    if seed % 4 == 3 and far > 0:
        # The reference may lack what the policy does; the divergence stays finite.
        push[rng.random(ours.shape) < 0.3] = 0.0
    theirs = ours * push
    one, two = generator(ours), generator(theirs)
    # Where the reference's rate is zero, u log u is.
    logs = np.log(np.where(theirs > 0, push, 1.0))
    divergence = np.clip((theirs * logs - theirs + ours).sum((1, 2)), 0.0, None)
    weights = rates_bound(divergence, ours.sum((1, 2)), theirs.sum((1, 2)))
    size = len(one)
    start = np.zeros(2 * size + 1)
    start[0] = start[size + (1 if moved else 0)] = 1.0

    def slope(_: float, state: np.ndarray) -> np.ndarray:
        law, other = state[:size], state[size:-1]
        return np.concatenate([law @ one, other @ two, [law @ weights]])

    end = solve_ivp(slope, (0, 1), start, "DOP853", rtol=1e-10, atol=1e-13).y[:, -1]
    return float(np.abs(end[:size] - end[size:-1]).sum() / 2), float(end[-1])


register(
    Claim(
        id="dom-rates",
        title="Other rates",
        statement=(
            r"Two chains with the same start have integrable rates $u_\theta$ and $u_{\rm ref}$, exit rates $\lambda_\theta$ and $\lambda_{\rm ref}$. Let "
            r"$$D=\sum_{y\ne x}\Bigl(u_{\rm ref}\log\frac{u_{\rm ref}}{u_\theta}-u_{\rm ref}+u_\theta\Bigr),$$ infinite where only $u_\theta$ vanishes. Then "
            r"$$\mathrm{TV}\le\int_0^T\!\!\mathbb E_\theta\sqrt{\tfrac23(\lambda_{\rm ref}+2\lambda_\theta)D}\,dt:$$ the penalty by generalised KL bounds it, without an exponential of rates."
        ),
        evidence="proved",
        source="own",
        knobs={
            "tokens": TOKENS,
            "sites": SITES,
            "seed": SEED,
            "speed": Linear(0.1, 5.0, default=1.0, label="speed of the rates", points=50),
            "far": Linear(0.0, 2.0, default=0.5, label="distance of the rates", points=41),
            "moved": Switch(False, label="another start"),
        },
        predicted=lambda **settings: apart(**settings)[1],
        measured=lambda **settings: apart(**settings)[0],
        tolerance=SOLVED,
        hypotheses=[
            Hypothesis(
                "both chains begin in the same law",
                lambda moved, **_: not moved,
                violation={"moved": True, "far": 0.0},
            )
        ],
    )
)
