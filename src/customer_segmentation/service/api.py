"""The API: scoring, and what there is to know about the model."""

from __future__ import annotations

import json
from typing import Any

from flask import Blueprint, Response, g, request

from customer_segmentation.scorer.stored import read_json
from customer_segmentation.service.context import require_model


def create_blueprint() -> Blueprint:
    """The routes of the API."""
    blueprint = Blueprint("api", __name__)
    blueprint.add_url_rule("/segments", view_func=score, methods=["POST"])
    return blueprint


def score() -> Response:
    """Score one household or several."""
    model = require_model()
    body = read_json(request.get_data(cache=False))
    is_batch = isinstance(body, dict) and "households" in body
    outcome = model.answer(body["households"] if is_batch else [body], explained=True)
    content: dict[str, Any] = {"model_version": model.version, "request_id": g.get("request_id")}
    if is_batch:
        refused = [{"index": at, "problems": told} for at, told in outcome.refused.items()]
        content |= {"answers": outcome.answers, "refused": refused}
    else:
        content |= outcome.answers[0]
    return Response(json.dumps(content), mimetype="application/json")
