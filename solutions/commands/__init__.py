"""What `python -m solutions` can do, a module for each kind of work."""
