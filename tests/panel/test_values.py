"""What all configured values share."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys

import pytest
from pydantic import ValidationError

from customer_segmentation.panel.codebook import Group, Origin
from tests.conftest import PROJECT

GROUP = {"name": "g", "label": "G", "origin": "purchase record", "tolerance": 0.5, "sums_to": 1.0}


def test_an_unknown_key_is_refused():
    with pytest.raises(ValidationError, match="tolerence"):
        Group.model_validate(GROUP | {"tolerence": 1})


def test_a_configured_value_survives_pickle_and_copy(codebook):
    assert pickle.loads(pickle.dumps(codebook)) == codebook
    assert copy.deepcopy(codebook) == codebook
    assert pickle.loads(pickle.dumps(Group.model_validate(GROUP))).origin is Origin.PURCHASE


def test_the_pickle_is_the_same_in_every_process():
    program = (
        "import hashlib, pickle; from customer_segmentation.panel.codebook import Group; "
        f"print(hashlib.sha256(pickle.dumps(Group.model_validate({GROUP!r}))).hexdigest())"
    )
    digests = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={"PYTHONHASHSEED": str(seed), "PYTHONPATH": str(PROJECT / "src")},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in range(2)
    }
    assert len(digests) == 1
