"""Household segments by purchase behaviour, and a typing tool that assigns new households."""

import os

from customer_segmentation import threads

__version__ = "0.1.0"

threads.limit()
# Arrow's own allocator keeps what a run has freed; the system's gives it back. Read when it loads.
os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
