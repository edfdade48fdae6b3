"""The ledger's register: every claim of the book by id."""

from __future__ import annotations

from softbook.claims.claim import Claim
from softbook.rooms import load_rooms

_REGISTRY: dict[str, Claim] = {}


def register(claim: Claim) -> Claim:
    """Enter a claim into the ledger and return it.

    Raises
    ------
    ValueError
        If another claim has its id.

    >>> register(claim_by_id("relu-two-keys")).id
    'relu-two-keys'
    """
    known = _REGISTRY.get(claim.id)
    if known is not None and known.statement != claim.statement:
        raise ValueError(f"id: {claim.id!r} is taken by the claim {known.title!r}")
    _REGISTRY[claim.id] = claim
    return claim


def ledger() -> tuple[Claim, ...]:
    """Return all claims of the book, in the order in which the packages register them.

    Raises
    ------
    ValueError
        If a claim depends on an id that no claim has.

    >>> "relu-two-keys" in [claim.id for claim in ledger()]
    True
    """
    load_rooms("claims")
    for claim in _REGISTRY.values():
        for other in claim.depends:
            if other not in _REGISTRY:
                raise ValueError(f"{claim.id}: depends on {other!r}, which no claim has as its id")
    return tuple(_REGISTRY.values())


def claim_by_id(id: str) -> Claim:
    """Return the claim with this id; a KeyError names those that exist.

    >>> claim_by_id("relu-two-keys").evidence
    'proved'
    """
    known = {claim.id: claim for claim in ledger()}
    if id not in known:
        raise KeyError(f"{id!r} is no claim; there are {', '.join(known)}")
    return known[id]
