"""How a piece of work tells the world about itself while it runs."""
