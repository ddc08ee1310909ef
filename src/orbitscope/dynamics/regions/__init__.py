"""Where activity lingers and where it leaves: slow, kick and transition, with labels and without."""
