"""From settings or run folders to files: train, evaluate, analyse, import."""
