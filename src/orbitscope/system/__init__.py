"""The machine below: files that are whole or absent, cores, threads, OpenMP, plain JSON. No science here."""
