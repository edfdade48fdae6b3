"""The chapter's experiments: windows of lengths, training, a small transformer; committed as JSON."""
