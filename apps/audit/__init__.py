"""What was done, by whom, in a chain that cannot be rewritten unseen."""
