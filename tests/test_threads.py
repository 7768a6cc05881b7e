"""Every numerical library has one thread, whoever loaded it and in whichever process."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
import threadpoolctl

from customer_segmentation import THREAD_VARIABLES

LIBRARIES = "import numpy, scipy.linalg, sklearn.cluster, xgboost"
PACKAGE = "import customer_segmentation"
POOL = "ARROW_DEFAULT_MEMORY_POOL"
REPORT = """
import json, joblib

def count():
    import numpy, scipy.linalg, sklearn.cluster, threadpoolctl, xgboost
    return [pool["num_threads"] for pool in threadpoolctl.threadpool_info()]

workers = joblib.Parallel(n_jobs=2)(joblib.delayed(count)() for _ in range(2))
print(json.dumps([count(), *workers]))
"""


@pytest.mark.parametrize("order", [(PACKAGE, LIBRARIES), (LIBRARIES, PACKAGE)])
def test_a_new_process_and_its_workers_have_one_thread_per_library(project, order):
    generous = dict.fromkeys(THREAD_VARIABLES, "2")
    done = subprocess.run(
        [sys.executable, "-c", "\n".join((*order, REPORT))],
        check=True,
        env={**os.environ, **generous, "PYTHONPATH": str(project / "src")},
        stdout=subprocess.PIPE,
    )
    for numbers in json.loads(done.stdout):
        assert len(numbers) >= 2  # linear algebra and OpenMP at least
        assert set(numbers) == {1}


def test_the_tests_themselves_have_one_thread_per_library():
    import sklearn.cluster  # noqa: F401

    assert {pool["num_threads"] for pool in threadpoolctl.threadpool_info()} == {1}


@pytest.mark.parametrize(("given", "backend"), [({}, "system"), ({POOL: "mimalloc"}, "mimalloc")])
def test_arrow_takes_its_memory_from_the_system_unless_told_otherwise(project, given, backend):
    told = {name: value for name, value in os.environ.items() if name != POOL}
    shown = subprocess.run(
        [
            sys.executable,
            "-c",
            f"{PACKAGE}, pyarrow; print(pyarrow.default_memory_pool().backend_name)",
        ],
        check=True,
        env={**told, **given, "PYTHONPATH": str(project / "src")},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert shown.stdout.strip() == backend
