"""Operators that the chapters' results stand on: a float64 definition, and fast forms held to it."""
