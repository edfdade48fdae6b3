"""The explorables of chapter 3: importing this package registers them by id."""

from softbook.diffusion.figures import chain, paths, posteriors, steps, training, velocity

__all__ = ["chain", "paths", "posteriors", "steps", "training", "velocity"]
