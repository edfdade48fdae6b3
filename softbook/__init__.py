"""Softbook: results of deep-learning theory as objects that can be seen, turned and used.

A theorem is a `softbook.claims.Claim`: it knows what is promised, what happens, over which knobs
and under which hypotheses. Prose, widgets, tests and the ledger read that one object.

>>> from softbook.claims import ledger
>>> all(claim.check().holds for claim in ledger() if claim.evidence == "proved")
True
"""

__version__ = "0.1.0"
