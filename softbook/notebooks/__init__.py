"""Chapters and their notebooks: `book/NAME.md` is the source, `book/NAME.ipynb` its executed pair.

`python -m softbook.notebooks write` makes the pairs, `python -m softbook.notebooks check` says in a
sentence each what is wrong with them. The text is never written to by either. `pair` converts and
compares, `prose` finds the numbers in the text that no cell prints.
"""
