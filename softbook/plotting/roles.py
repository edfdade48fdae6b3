"""Roles: what a colour, a dash and a marker stand for, in both themes."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Role:
    """How one kind of thing is drawn: its colour in both themes, its dash and its marker.

    >>> ROLES["bound"].marker
    'triangle-up'
    """

    light: str
    dark: str
    dash: str
    width: float
    marker: str


ROLES: dict[str, Role] = {
    "measured": Role("#0b5cad", "#6cb6ff", "solid", 2.5, "circle"),
    "bound": Role("#b3370f", "#ff9a5c", "dash", 2, "triangle-up"),
    "prediction": Role("#157347", "#5fd38d", "dot", 2.5, "diamond"),
    "violated": Role("#9a1272", "#ff8ad1", "solid", 4, "x"),
    "reference": Role("#4a4f57", "#b8bec8", "solid", 1.5, "square"),
}
GRID = ("rgba(74,79,87,0.18)", "rgba(184,190,200,0.22)")


def translucent(colour: str, share: float) -> str:
    """Return a hex colour as rgba with `share` in [0, 1] of opacity.

    >>> translucent("#0b5cad", 0.12)
    'rgba(11,92,173,0.12)'
    """
    red, green, blue = (int(colour[k : k + 2], 16) for k in (1, 3, 5))
    return f"rgba({red},{green},{blue},{share:g})"


def palette() -> dict[str, str]:
    """Return the light strings that figures use, each with its dark partner.

    >>> palette()["#0b5cad"]
    '#6cb6ff'
    """
    pairs = {role.light: role.dark for role in ROLES.values()}
    fills = {translucent(r.light, 0.12): translucent(r.dark, 0.18) for r in ROLES.values()}
    return pairs | fills | {GRID[0]: GRID[1]}


def role_named(name: str) -> Role:
    """Return a role; a ValueError names those that there are.

    >>> role_named("bound").dash
    'dash'
    """
    if name not in ROLES:
        raise ValueError(f"role: {name!r} is given, but one of {', '.join(ROLES)} is needed")
    return ROLES[name]
