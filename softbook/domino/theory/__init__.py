"""Bounds of chapter 5: pure functions of numbers."""
