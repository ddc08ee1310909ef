"""The path of driven activity: its plane, size, rotation, and what the readout sees of it."""
