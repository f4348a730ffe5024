"""Jobs: background work with an owner, progress and results, whatever runs it."""
