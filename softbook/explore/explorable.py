"""The explorable: a figure function, its knobs and an id, under which everything finds it."""

from __future__ import annotations

import itertools
import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import plotly.graph_objects as go

from softbook.knobs import Knob, bind
from softbook.rooms import load_rooms

if TYPE_CHECKING:
    from ipywidgets import VBox

MIME = "application/vnd.softbook.explorable+json"
_REGISTRY: dict[str, Explorable] = {}


def typeset(sentence: str) -> str:
    """Write a plain sentence as print has it: minus signs, and no line's end before a percent sign.

    >>> typeset("between -0.3 and 1e-05 in state-space 2-4: 97 %")
    'between −0.3 and 1e-05 in state-space 2-4: 97\\xa0%'
    """
    return re.sub(r"(?<![\w.)-])-(?=\.?\d)", "−", sentence).replace(" %", "\u00a0%")


class Frame(NamedTuple):
    """What one setting shows: the figure and a sentence that says it in words.

    >>> Frame(go.Figure(), "An empty figure.").summary
    'An empty figure.'
    """

    figure: go.Figure
    summary: str


@dataclass(frozen=True)
class Budget:
    """What an explorable may cost on a page: settings in the grid and bytes after gzip.

    >>> Budget().settings, Budget(gzipped=50_000).gzipped
    (4096, 50000)
    """

    settings: int = 4096
    gzipped: int = 120_000


@dataclass(frozen=True)
class Explorable:
    """A figure function with its knobs.

    Attributes
    ----------
    id
        Lower-case words joined by hyphens; unique in the book.
    title
        What the figure shows, in a few words.
    function
        Called with one keyword for each knob; returns a plotly figure, or a figure and a sentence.
    knobs
        Name to knob.
    budget
        What the page may spend on it; the build stops with a sentence beyond that.
    tolerance
        How far the figure's data may move from its digest, relative to each curve's range. Zero
        effort is spent on explaining rounding: 1e-6 covers the order of summation in float64, and
        a figure of something trained says more.

    >>> from softbook.knobs import Integer
    >>> entry = Explorable("empty", "Nothing", lambda n: go.Figure(), {"n": Integer(1, 3)})
    >>> entry.size(), entry(n=2).summary
    (3, 'Nothing: n = 2.')
    """

    id: str
    title: str
    function: Callable[..., Any]
    knobs: Mapping[str, Knob]
    budget: Budget = field(default_factory=Budget)
    tolerance: float = 1e-6

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", self.id):
            raise ValueError(
                f"id: {self.id!r} is given, but lower-case words joined by hyphens are needed"
            )
        object.__setattr__(self, "knobs", bind(self.knobs))

    @property
    def registered(self) -> bool:
        """Whether the book knows it by its id.

        >>> explore("two-keys").registered, explore(lambda: go.Figure()).registered
        (True, False)
        """
        return _REGISTRY.get(self.id) is self

    def defaults(self) -> dict[str, Any]:
        """Return the settings of the untouched first frame."""
        return {name: knob.grid()[knob.index()] for name, knob in self.knobs.items()}

    def validate(self, **settings: Any) -> dict[str, Any]:
        """Return all settings, checked by their knobs; those left out take their default."""
        unknown = sorted(set(settings) - set(self.knobs))
        if unknown:
            raise TypeError(
                f"settings: {', '.join(unknown)} is no knob of {self.id}; "
                f"it has {', '.join(self.knobs) or 'none'}"
            )
        chosen = self.defaults() | settings
        return {name: self.knobs[name].validate(value) for name, value in chosen.items()}

    def __call__(self, **settings: Any) -> Frame:
        """Compute the frame at the given settings; those left out take their default.

        Raises a TypeError or ValueError if a setting is unknown or outside its knob, and a TypeError
        if the function returns something else than a figure, or a figure and a sentence.
        """
        settings = self.validate(**settings)
        result = self.function(**settings)
        pair = result if isinstance(result, tuple) else (result, "")
        if [isinstance(part, (go.Figure, str)[k > 0]) for k, part in enumerate(pair)] != [
            True,
            True,
        ]:
            parts = result if isinstance(result, tuple) else (result,)
            given = ", ".join(type(part).__name__ for part in parts)
            raise TypeError(
                f"figure: {_called(self.function)} returned {given or 'nothing'}, "
                "but a plotly figure (or a figure and a sentence) is needed"
            )
        figure, summary = pair
        if not summary:
            values = [f"{k.title} = {k.text(settings[name])}" for name, k in self.knobs.items()]
            summary = f"{self.title}: {', '.join(values)}." if values else f"{self.title}."
        return Frame(figure, typeset(summary))

    def size(self) -> int:
        """Return the number of settings in the grid."""
        count = 1
        for knob in self.knobs.values():
            count *= len(knob.grid())
        return count

    def grid(self) -> Iterator[dict[str, Any]]:
        """Yield all settings of the static page, the last knob turning fastest."""
        values = [knob.grid() for knob in self.knobs.values()]
        for combination in itertools.product(*values):
            yield dict(zip(self.knobs, combination, strict=True))

    def payload(self) -> dict[str, Any]:
        """Return what the page needs to show every setting of the grid (JSON, about 1 ms a frame)."""
        from softbook.explore.payload import encode

        return encode(self)

    def widget(self) -> VBox:
        """Return the live form: ipywidgets controls above a plotly FigureWidget."""
        from softbook.explore.live import live

        return live(self)

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        # The build of the book sets this variable; a kernel without it is a reader's own.
        if os.environ.get("SOFTBOOK_BUILD"):
            payload = self.payload()
            return {MIME: payload, "text/plain": payload["summary"]}
        widget = self.widget()
        bundle: dict[str, Any] = widget._repr_mimebundle_()
        return bundle


def _called(function: Callable[..., Any]) -> str:
    """Return the name of a function with its module; of any other callable, its type's."""
    named = function if hasattr(function, "__qualname__") else type(function)
    return f"{named.__module__}.{named.__qualname__}"


def explorable(
    id: str,
    *,
    title: str,
    budget: Budget | None = None,
    tolerance: float = 1e-6,
    **knobs: Knob,
) -> Callable[[Callable[..., Any]], Explorable]:
    """Register a figure function and its knobs under an id; the name then holds the `Explorable`.

    Raises a ValueError if another function has that id.
    """

    def register(function: Callable[..., Any]) -> Explorable:
        entry = Explorable(id, title, function, knobs, budget or Budget(), tolerance)
        known = _REGISTRY.get(id)
        # Reloading a module in a notebook registers the same function again; that is no clash.
        if known and _called(known.function) != _called(function):
            raise ValueError(f"id: {id!r} is taken by {_called(known.function)}")
        _REGISTRY[id] = entry
        return entry

    return register


def explorables() -> dict[str, Explorable]:
    """Return all explorables of the book by id, in alphabetical order.

    >>> "two-keys" in explorables()
    True
    """
    load_rooms("figures")
    return dict(sorted(_REGISTRY.items()))


def explore(
    figure: str | Callable[..., Any],
    *,
    title: str = "",
    budget: Budget | None = None,
    **knobs: Knob,
) -> Explorable:
    """Show an explorable by its id, or turn a function of your own into one.

    Parameters
    ----------
    figure
        The id of one of the book's explorables, or a function that takes one keyword for each knob
        and returns a plotly figure (or a figure and a sentence).
    title
        For a function: what it shows; its name otherwise.
    budget
        For a function: what the static page may spend on it.
    knobs
        For a function: a knob for each of its keywords.

    Returns
    -------
    Explorable
        Displays itself as the value of a notebook cell.

    Raises
    ------
    KeyError
        If no explorable has that id.
    TypeError
        If knobs are given with an id: the book's explorables have their own.

    >>> explore("two-keys").title == explorables()["two-keys"].title
    True
    """
    if isinstance(figure, str):
        known = explorables()
        if figure not in known:
            raise KeyError(f"{figure!r} is no explorable; there are {', '.join(known)}")
        if knobs:
            raise TypeError(f"knobs: {', '.join(knobs)} is given, but {figure!r} has its own knobs")
        return known[figure]
    words = getattr(figure, "__name__", type(figure).__name__).lower()
    name = re.sub(r"[^a-z0-9]+", "-", words).strip("-") or "figure"
    return Explorable(name, title or name.replace("-", " "), figure, knobs, budget or Budget())
