"""Shortcut or induction: which of two mechanisms one step of training picks (chapter 4)."""
