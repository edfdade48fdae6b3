"""The live page: the built book, served on this machine, with torch behind its figures.

A page that this server hands out asks for any value within a knob's range, not only for those of its
grid. `messages` says what a page may ask, `worker` computes it in a process of its own, `pool` holds
that process to its time, `runs` starts and stops the book's sweeps, and `server` joins them. Without
it, or when it stops, the same pages go on with their grids.
"""
