"""Connect theorem blocks and the ledger to Sphinx."""

from __future__ import annotations

from typing import Any

from docutils import nodes
from sphinx.application import Sphinx

from softbook.publish import ledger, theorem

__all__ = ["connect"]


def _visit_theorem(translator: Any, node: nodes.Element) -> None:
    kind = f"softbook-claim softbook-{node['evidence']}"
    translator.body.append(translator.starttag(node, "div", CLASS=kind))


def _visit_scroll(translator: Any, node: nodes.Element) -> None:
    attributes = {"role": "region", "tabindex": "0", "aria-label": node["label"]}
    translator.body.append(translator.starttag(node, "div", CLASS="softbook-scroll", **attributes))


def _depart(translator: Any, node: nodes.Element) -> None:
    translator.body.append("</div>\n")


def _pass(translator: Any, node: nodes.Element) -> None:
    """A builder without boxes shows what stands inside."""


def _purge(app: Sphinx, env: Any, docname: str) -> None:
    found = theorem.places(env)
    for id in [id for id, place in found.items() if place["page"] == docname]:
        del found[id]
    if getattr(env, "softbook_ledger_page", "") == docname:
        env.softbook_ledger_page = ""
        ledger.listed(env).clear()
    ledger.graph_pages(env).discard(docname)


def _merge(app: Sphinx, env: Any, docnames: set[str], other: Any) -> None:
    found = theorem.places(other)
    theorem.places(env).update({k: v for k, v in found.items() if v["page"] in docnames})
    page = getattr(other, "softbook_ledger_page", "")
    if page in docnames:
        env.softbook_ledger_page = page
        ledger.listed(env).update(ledger.listed(other))
    ledger.graph_pages(env).update(ledger.graph_pages(other) & docnames)


def _rewrite(app: Sphinx, env: Any) -> list[str]:
    """The picture's links depend on all other pages: it is drawn anew each time."""
    return sorted(ledger.graph_pages(env))


def connect(app: Sphinx) -> None:
    """Connect nodes, directives, roles and events."""
    app.add_config_value("softbook_ledger", "softbook.claims:ledger", "env")
    others: dict[str, Any] = dict.fromkeys(("latex", "text", "man", "texinfo"), (_pass, _pass))
    app.add_node(theorem.theorem, html=(_visit_theorem, _depart), **others)
    app.add_node(ledger.scroll, html=(_visit_scroll, _depart), **others)
    app.add_node(ledger.claim_graph, html=(_pass, _pass), **others)
    app.add_directive("claim", theorem.ClaimDirective)
    app.add_role("claim", theorem.ClaimRole())
    app.add_directive("ledger", ledger.LedgerDirective)
    app.add_directive("claim-map", ledger.MapDirective)
    app.connect("env-purge-doc", _purge)
    app.connect("env-merge-info", _merge)
    app.connect("env-updated", _rewrite)
    app.connect("env-check-consistency", ledger.check_places)
    app.connect("missing-reference", theorem.resolve)
    app.connect("doctree-resolved", ledger.resolve_graphs)
