"""Real motifs, an invented grammar, and the experiments on DNA that the chapter shows."""
