"""One script for each claim; a package of its own, since opacus brings another of this name."""
