"""What is known of a request while it is answered, without anything that was sent."""

from __future__ import annotations

from dataclasses import dataclass

from flask import request

from customer_segmentation.scorer.scoring import Scores

NOTE = "customer_segmentation.note"  # in a request's environment


@dataclass
class Note:
    """What is known of a request.

    Attributes:
        request_id: By which its log line is found.
        model_version: The model that answers it.
        scores: The answers about its households; None if it is about none.
        records: Number of households that were sent.
    """

    request_id: str
    model_version: str | None = None
    scores: Scores | None = None
    records: int = 0


def current_note() -> Note:
    """What is known of the request that is being answered."""
    note: Note = request.environ[NOTE]
    return note
