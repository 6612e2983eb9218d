"""How the house is: health, storage, and figures for Prometheus."""
