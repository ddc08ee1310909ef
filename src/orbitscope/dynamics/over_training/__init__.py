"""How stability and rotation change over the checkpoints of a training run, and when."""
