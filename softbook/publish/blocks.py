from __future__ import annotations


def connect(app) -> None:
    pass
