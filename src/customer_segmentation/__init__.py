"""Household segments by purchase behaviour, and a typing tool that assigns new households."""

import os

import threadpoolctl

__version__ = "0.1.0"

# The libraries read these once, when they are loaded; worker processes inherit them.
THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "NUMBA_NUM_THREADS",
    "BLIS_NUM_THREADS",
)


def limit_threads() -> None:
    """Give one thread to the numerical libraries still to be loaded and to those already loaded.

    Trees grown by XGBoost differ with the number of threads, and so do the last bits of k-means
    centres. Work is spread over processes instead, or over threads that run our own kernels, each
    of which works alone.
    """
    os.environ.update(dict.fromkeys(THREAD_VARIABLES, "1"))
    threadpoolctl.threadpool_limits(limits=1)


limit_threads()
# Arrow's own allocator keeps what a run has freed; the system's gives it back. Read when it loads.
os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
