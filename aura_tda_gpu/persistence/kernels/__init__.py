"""Serial numba kernels of the CPU engine; every one releases the GIL."""
