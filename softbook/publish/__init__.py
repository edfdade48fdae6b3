"""Publishing: the Sphinx extension that turns executed chapters into pages that move by themselves.

`_config.yml` names it under `sphinx: extra_extensions`. It renders explorables and plotly figures
(`renderer`), formulas (`formulas`, `typeset`), theorem blocks and the ledger page (`theorem`,
`ledger`), brings everything that a browser loads into the book (`assets`, `store`), and names the
execution cache by what the outputs depend on (`cache`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sphinx.application import Sphinx

__all__ = ["setup"]


def setup(app: Sphinx) -> dict[str, Any]:
    """Connect the extension to Sphinx.

    Needs the `book` extra; the rest of `softbook` imports without Sphinx.
    """
    from softbook.publish import blocks, build, formulas

    build.connect(app)
    blocks.connect(app)
    formulas.connect(app)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
