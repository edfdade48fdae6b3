"""What `python -m softbook` can do: one module a command, each with `add` and `run`."""
