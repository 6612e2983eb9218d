"""Training: the loop, its checkpoints, its precision, and the child process it runs in."""
