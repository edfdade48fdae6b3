"""Files of others, where their installed packages hold them.

>>> package_file("plotly", "package_data/plotly.min.js").name
'plotly.min.js'
"""

from __future__ import annotations

import importlib.util
from pathlib import Path

__all__ = ["package_file"]


def package_file(name: str, place: str) -> Path:
    """Return a path inside an installed package, without importing it.

    Raises a FileNotFoundError with a sentence if the package or the place is missing.
    """
    spec = importlib.util.find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        raise FileNotFoundError(f"the package {name} is not installed; requirements.txt names it")
    path = Path(next(iter(spec.submodule_search_locations))) / place
    if not path.exists():
        raise FileNotFoundError(f"the installed package {name} holds no {place}")
    return path
