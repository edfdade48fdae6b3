"""The claim, its hypotheses and the verdict on one setting."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import plotly.graph_objects as go

from softbook.claims.attack import attack
from softbook.claims.sides import draw
from softbook.knobs import Knob, bind

Evidence = Literal["proved", "exact", "measured", "quoted"]
Relation = Literal["<=", "in", "==", "~rate"]
EVIDENCE: dict[str, str] = {
    "proved": "proved in the book for all settings in the domain",
    "exact": "computed by enumeration or in exact arithmetic",
    "measured": "an experiment's number, with its seeds and its cost",
    "quoted": "said by the paper, not verified here",
}
Value = float | tuple[float, float]
# One draw in eight puts a knob at an end of its range: there bounds break first.
EDGE = 0.125


@dataclass(frozen=True)
class Tolerance:
    """How much rounding a comparison forgives, and why.

    Attributes
    ----------
    reason
        The derivation in a sentence; it is printed in the ledger.
    size
        From the settings to an absolute amount, in the unit of the measured value.

    >>> Tolerance("one rounding of x", lambda x: 2.0**-53 * x).size(x=2.0) == 2.0**-52
    True
    """

    reason: str = "none: both sides are compared as computed"
    size: Callable[..., float] = lambda **_: 0.0


@dataclass(frozen=True)
class Hypothesis:
    """One assumption of a claim, with a setting that violates it and breaks the claim.

    `violation` is None where no breaking setting is known; the ledger then says "not known to be
    needed".

    >>> Hypothesis("x is not negative", lambda x: x >= 0, violation={"x": -1.0}).holds(x=2.0)
    True
    """

    statement: str
    holds: Callable[..., bool]
    violation: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Verdict:
    """Both sides of a claim at one setting.

    Attributes
    ----------
    ratio
        The share of the promise, tolerance included, that is used: at most 1 where the claim holds.
    slack
        How far the measured value stays inside the promise; negative where it does not. NaN where a
        side is NaN: then nothing holds.
    """

    claim: str
    settings: Mapping[str, Any]
    predicted: Value
    measured: Value
    ratio: float
    slack: float
    tolerance: float
    holds: bool

    def severity(self) -> tuple[bool, float]:
        """Return what orders verdicts: the greatest is the nearest to breaking its claim.

        A verdict that does not hold comes after all that do, and NaN after all numbers.

        >>> good = Verdict("id", {}, 1.0, 0.5, 0.5, 0.5, 0.0, True)
        >>> lost = Verdict("id", {}, 1.0, math.nan, math.nan, math.nan, 0.0, False)
        >>> max(lost, good, key=Verdict.severity) is lost
        True
        """
        return not self.holds, math.inf if math.isnan(self.ratio) else self.ratio


def _pair(value: Value) -> tuple[float, float]:
    if not isinstance(value, tuple):
        return float(value), float(value)
    if len(value) != 2 or value[0] > value[1]:
        raise ValueError(f"sides: {value} is given, but a number or a pair (low, high) is needed")
    return float(value[0]), float(value[1])


def _compare(
    relation: str, predicted: Value, measured: Value, tolerance: float
) -> tuple[float, float]:
    """Return (slack, ratio) of a relation; NaN on either side gives NaN, which never holds."""
    (p_low, p_high), (m_low, m_high) = _pair(predicted), _pair(measured)
    # `min` and `max` pass over a NaN that is not their first argument.
    if any(map(math.isnan, (p_low, p_high, m_low, m_high))):
        return math.nan, math.nan
    if relation == "<=":
        slack, allowed = p_high - m_high, p_high + tolerance
        return slack, _share(m_high, allowed, slack + tolerance)
    if relation == "==":
        gap = max(abs(m_high - p_high), abs(m_low - p_low))
        return -gap, _share(gap, tolerance, tolerance - gap)
    if relation == "~rate":
        # The predicted exponent must lie in the measured interval: the roles are exchanged.
        (p_low, p_high), (m_low, m_high) = (m_low, m_high), (p_low, p_high)
    slack = min(p_high - m_high, m_low - p_low)
    middle, half = (p_low + p_high) / 2, (p_high - p_low) / 2 + tolerance
    distance = max(abs(m_high - middle), abs(m_low - middle))
    return slack, _share(distance, half, slack + tolerance)


def _share(used: float, allowed: float, left: float) -> float:
    """Return used/allowed; 0 or infinity, by the sign of `left`, where that says nothing."""
    if 0 < allowed < math.inf:
        return used / allowed
    return 0.0 if left >= 0 else math.inf


@dataclass(frozen=True)
class Claim:
    """A statement with both of its sides.

    Attributes
    ----------
    id, title, statement
        The name under which pages refer to it, a few words, and MyST text with LaTeX.
    evidence
        One of proved, exact, measured, quoted. A quoted claim has no `measured`.
    source
        `own`, or a bibliography key and a place: "hu2026relu, abstract".
    knobs
        Name to knob: the domain.
    predicted, measured
        Functions of the settings. `predicted` is a number (`<=`, `==`), a pair (`in`) or an
        exponent (`~rate`); `measured` is a number or the pair of its least and greatest value
        (`~rate`: the interval of the fitted exponent).
    relation
        `<=`, `in` (a two-sided promise), `==` or `~rate`.
    tolerance, hypotheses
        The derived rounding tolerance, and the assumptions.
    depends
        Ids of the claims whose statements its proof uses.
    enclosure
        Optional: returns an interval (low, high) that certainly contains the supremum of
        measured/predicted over the whole domain, computed in interval arithmetic.
    """

    id: str
    title: str
    statement: str
    evidence: Evidence
    source: str
    knobs: Mapping[str, Knob] = field(default_factory=dict)
    predicted: Callable[..., Value] | None = None
    measured: Callable[..., Value] | None = None
    relation: Relation = "<="
    tolerance: Tolerance = field(default_factory=Tolerance)
    hypotheses: Sequence[Hypothesis] = ()
    depends: Sequence[str] = ()
    enclosure: Callable[[], tuple[float, float]] | None = None

    def __post_init__(self) -> None:
        if self.evidence not in EVIDENCE:
            raise ValueError(
                f"evidence: {self.evidence!r} is given, but one of {', '.join(EVIDENCE)} is needed"
            )
        if self.relation not in ("<=", "in", "==", "~rate"):
            raise ValueError(
                f"relation: {self.relation!r} is given, but <=, in, == or ~rate is needed"
            )
        if self.evidence != "quoted" and (self.predicted is None or self.measured is None):
            raise ValueError(f"{self.id}: a claim that is not quoted needs predicted and measured")
        object.__setattr__(self, "knobs", bind(self.knobs))

    def defaults(self) -> dict[str, Any]:
        """Return the setting at which the claim is first shown."""
        return {name: knob.validate(knob.default) for name, knob in self.knobs.items()}  # type: ignore[attr-defined]

    def _verdict(self, settings: Mapping[str, Any]) -> Verdict:
        if self.predicted is None or self.measured is None:
            raise ValueError(f"{self.id}: a quoted claim has nothing to check")
        predicted, measured = self.predicted(**settings), self.measured(**settings)
        tolerance = float(self.tolerance.size(**settings))
        slack, ratio = _compare(self.relation, predicted, measured, tolerance)
        holds = bool(slack >= -tolerance)
        return Verdict(self.id, dict(settings), predicted, measured, ratio, slack, tolerance, holds)

    def settings(self, **chosen: Any) -> dict[str, Any]:
        """Return all settings, checked by their knobs; those left out take their default.

        Raises
        ------
        ValueError, TypeError
            If a setting lies outside its knob or is unknown.
        """
        unknown = sorted(set(chosen) - set(self.knobs))
        if unknown:
            raise TypeError(
                f"settings: {', '.join(unknown)} is no knob of {self.id}; "
                f"it has {', '.join(self.knobs) or 'none'}"
            )
        values = self.defaults() | chosen
        return {name: self.knobs[name].validate(value) for name, value in values.items()}

    def check(self, **settings: Any) -> Verdict:
        """Compare both sides at one setting; knobs left out take their default.

        Raises
        ------
        ValueError, TypeError
            If a setting lies outside its knob, is unknown, or breaks a hypothesis.
        """
        chosen = self.settings(**settings)
        for hypothesis in self.hypotheses:
            if not hypothesis.holds(**chosen):
                raise ValueError(f"{self.id}: {chosen} breaks a hypothesis: {hypothesis.statement}")
        return self._verdict(chosen)

    def violate(self, hypothesis: Hypothesis) -> Verdict:
        """Compare both sides where `hypothesis` is violated (the other settings at their default)."""
        if hypothesis.violation is None:
            raise ValueError(f"{self.id}: no violation is known of: {hypothesis.statement}")
        return self._verdict(self.defaults() | dict(hypothesis.violation))

    def admits(self, settings: Mapping[str, Any]) -> bool:
        """Tell whether all hypotheses hold."""
        return all(hypothesis.holds(**settings) for hypothesis in self.hypotheses)

    def draw(self, n: int, seed: int) -> Iterator[dict[str, Any]]:
        """Yield `n` settings at random from the domain, their ends more often than chance would."""
        rng = np.random.default_rng(seed)
        for _ in range(n):
            for _attempt in range(1000):
                settings = {}
                for name, knob in self.knobs.items():
                    unit, edge = rng.random(), rng.random()
                    settings[name] = knob.from_unit(round(unit) if edge < EDGE else unit)
                if self.admits(settings):
                    break
            else:
                raise RuntimeError(f"{self.id}: 1000 draws in a row break a hypothesis")
            yield settings

    def attack(self, budget: int, seed: int) -> Verdict:
        """Search the domain for the largest ratio, with `budget` evaluations; return the worst."""
        return attack(self, budget, seed)

    def figure(self, along: str = "", **settings: Any) -> go.Figure:
        """Show both sides along one knob of numbers (the first, unless `along` names another).

        The axis of the sides is logarithmic where none of them is negative. Takes one evaluation a
        value of the knob's grid; raises a ValueError if there is no such knob,
        and what `settings` raises.
        """
        along = along or next(iter(self.knobs), "")
        if along not in self.knobs:
            raise ValueError(
                f"along: {along!r} is given, but a knob of {self.id} is needed; "
                f"it has {', '.join(self.knobs) or 'none'}"
            )
        if self.knobs[along].kind in ("choice", "switch"):
            raise ValueError(f"along: {along!r} is given, but a knob of numbers is needed")
        grid = self.knobs[along].grid()
        base = self.settings(**settings)
        verdicts = [self._verdict(base | {along: value}) for value in grid]
        ends = np.array([[*_pair(v.predicted), *_pair(v.measured)] for v in verdicts])
        two_sided = self.relation == "in"
        return draw(self.title, self.knobs[along], grid, ends, two_sided=two_sided)
