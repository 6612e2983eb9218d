"""One thing asked of a live model, and its answer: at a page, or by a program."""
