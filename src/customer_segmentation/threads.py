"""One thread per process for the numerical libraries, so that results are equal to the byte."""

from __future__ import annotations

import os

import threadpoolctl

# The libraries read these once, when they are loaded; worker processes inherit them.
VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "NUMBA_NUM_THREADS",
    "BLIS_NUM_THREADS",
)


def limit() -> None:
    """Give one thread to the numerical libraries still to be loaded and to those already loaded.

    Trees grown by XGBoost differ with the number of threads, and so do the last bits of k-means
    centres. Work is spread over processes instead, or over threads that run our own kernels, each
    of which works alone.
    """
    os.environ.update(dict.fromkeys(VARIABLES, "1"))
    threadpoolctl.threadpool_limits(limits=1)
