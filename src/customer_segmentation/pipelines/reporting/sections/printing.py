"""What the sections on the typing tool print alike."""

from __future__ import annotations

import pandas as pd

from customer_segmentation.figures.style import ReportingParameters

SEEN = {"information_set": "What the model sees"}
CLAIMED = {**SEEN, "claim": "Claim"}
NAMED = ("information_set", "model", "model_a", "model_b", "rival", "protocol", "score")


def name_for_people(table: pd.DataFrame, reporting: ReportingParameters) -> pd.DataFrame:
    """Replace the names of information sets, models, protocols and scores by their labels."""
    named = [name for name in NAMED if name in table]
    return table.assign(**{name: table[name].map(reporting.label) for name in named})


def print_flag(value: object) -> str:
    """A yes, or nothing to catch the eye."""
    return "yes" if value else ""
