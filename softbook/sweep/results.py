"""What a sweep returns: one record a setting and seed, in the grid's order.

>>> rows = [Record({"n": n}, seed, value=10 * n + seed) for n in (1, 2) for seed in (0, 1)]
>>> results = Results(rows, shape=(2, 2))
>>> results.value(n=2, seed=1), results.array().tolist()
(21, [[10.0, 11.0], [20.0, 21.0]])
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, overload

import numpy as np
from jaxtyping import Float64

from softbook.sweep import plain

__all__ = ["Record", "Results"]


@dataclass(frozen=True)
class Record:
    """One run: what the function was called with, and what came of it.

    `value` is what it returned, as JSON gives it back. If it failed, `value` is None, `error` holds the
    kind and message of the error and `trace` where it was raised. `seconds` is the run's wall-clock
    time; `kept` tells whether an earlier sweep did it. Records are equal if all but the time, the
    place and `kept` are.

    >>> Record({"n": 1}, 0, 2.5, seconds=1.0) == Record({"n": 1}, 0, 2.5, seconds=3.0)
    True
    """

    settings: Mapping[str, Any]
    seed: int
    value: Any = None
    error: str | None = None
    seconds: float = field(default=0.0, compare=False)
    kept: bool = field(default=False, compare=False)
    trace: str = field(default="", compare=False, repr=False)

    @property
    def text(self) -> str:
        """Settings and seed as one line.

        >>> Record({"n": 1}, 0).text
        '{"n":1}, seed 0'
        """
        return f"{plain.text(self.settings)}, seed {self.seed}"


class Results(Sequence[Record]):
    """The records of a sweep in the grid's order; a sequence that cannot be changed.

    Parameters
    ----------
    records
        One record a setting and seed, the seeds of one setting side by side.
    shape
        The grid's shape and the number of seeds; their product is the number of records. None
        makes it one row.
    """

    def __init__(self, records: Iterable[Record], shape: tuple[int, ...] | None = None) -> None:
        self._records = tuple(records)
        self.shape = (len(self._records),) if shape is None else shape
        if np.prod(self.shape, dtype=int) != len(self._records):
            raise ValueError(f"shape: {shape} is given for {len(self._records)} records")

    def __len__(self) -> int:
        return len(self._records)

    @overload
    def __getitem__(self, place: int) -> Record: ...
    @overload
    def __getitem__(self, place: slice) -> Results: ...
    def __getitem__(self, place: int | slice) -> Record | Results:
        found = self._records[place]
        return found if isinstance(found, Record) else Results(found)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Results) and self._records == other._records

    def __hash__(self) -> int:
        return hash(tuple(record.text for record in self._records))

    def __repr__(self) -> str:
        return f"Results({len(self)} records, {len(self.failed)} failed, shape {self.shape})"

    @property
    def failed(self) -> Results:
        """The records that hold an error.

        >>> Results([Record({}, 0, error="ValueError: no"), Record({}, 1, 3)]).failed[0].error
        'ValueError: no'
        """
        return Results(record for record in self._records if record.error is not None)

    def select(self, **settings: Any) -> Results:
        """Return the records with these settings (`seed` may be among them), in order.

        Values are compared as JSON: 1 is not 1.0, a tuple is the list of the same values. Linear time.

        >>> rows = Results(Record({"n": n, "kind": "sgd"}, 0, n) for n in (1, 2, 3))
        >>> [record.value for record in rows.select(n=2)]
        [2]
        """
        wanted = {name: plain.text(given, name) for name, given in settings.items()}
        known = {"seed"}.union(*(record.settings for record in self._records))
        for name in wanted.keys() - known:
            raise KeyError(f"{name!r} is given, but the settings are {', '.join(sorted(known))}")

        def fits(record: Record) -> bool:
            given = {**record.settings, "seed": record.seed}
            return all(
                name in given and plain.text(given[name]) == text for name, text in wanted.items()
            )

        return Results(filter(fits, self._records))

    def value(self, **settings: Any) -> Any:
        """Return the value of the one record with these settings (`seed` may be among them).

        Raises
        ------
        KeyError
            If none or several records have these settings.
        RuntimeError
            If that run failed.

        Examples
        --------
        >>> Results(Record({"n": n}, 0, n) for n in (1, 2)).value()
        Traceback (most recent call last):
        ...
        KeyError: '2 records have the settings {}, but one is needed'
        """
        found = self.select(**settings)
        if len(found) != 1:
            raise KeyError(
                f"{len(found)} records have the settings {plain.text(settings)}, but one is needed"
            )
        if found[0].error is not None:
            raise RuntimeError(f"the run at {found[0].text} failed: {found[0].error}")
        return found[0].value

    def array(self, name: str | None = None) -> Float64[np.ndarray, "*shape"]:
        """Return the values as an array of the grid's shape, with the seeds last; NaN where a run failed.

        `name` chooses a number out of values that are mappings; without it, each value must be a
        number itself. Raises a KeyError or TypeError where a value has no such number.

        >>> Results([Record({}, 0, {"loss": 2.0}), Record({}, 1, error="no")]).array("loss").tolist()
        [2.0, nan]
        """

        def number(record: Record) -> float:
            if record.error is not None:
                return float("nan")
            return float(record.value if name is None else record.value[name])

        return np.array([number(record) for record in self._records]).reshape(self.shape)
