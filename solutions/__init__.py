"""What the product sells: one folder per vertical solution, one object per folder."""
