"""Number crunching with NumPy, Numba and CUDA: no torch, no Django."""
