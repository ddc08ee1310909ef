"""What becomes of activity when the noise stops: growth, ends of paths, fixed points."""
