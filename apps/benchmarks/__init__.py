"""What is claimed of the product, and what was measured here: one page of figures."""
