"""The explorables of chapter 4: importing this package registers them by id."""

from softbook.induction.figures import attention, phase, ratio, training, transformer, transition

__all__ = ["attention", "phase", "ratio", "training", "transformer", "transition"]
