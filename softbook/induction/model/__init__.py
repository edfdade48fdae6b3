"""The task, the one-layer model for many settings at once, and its training."""
