"""The laws that a theorem on discrete diffusion speaks of, exact in float64."""
