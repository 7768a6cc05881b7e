"""What there is to know about a model before one asks it."""

from __future__ import annotations

from typing import Any

from customer_segmentation.classification.audit import Claim
from customer_segmentation.panel.codebook import Field
from customer_segmentation.scorer.bundle import ScoringBundle
from customer_segmentation.scorer.routes import Guess, Route

MEANINGS = {
    Claim.ASSIGNMENT: (
        "All that forms the segments is known: the household is assigned by the rule that formed "
        "them, and nothing is guessed."
    ),
    Claim.OVERLAP: (
        "Some of what forms the segments is known, or other parts of the same purchase record: the "
        "segment is guessed, with help from what it is made of."
    ),
    Claim.PREDICTION: (
        "Nothing of the purchases is used: the segment is predicted from who the household is."
    ),
}


def describe_model(bundle: ScoringBundle) -> dict[str, Any]:
    """Describe a model: its segments, what each answer rests on and is worth, and its fields.

    Args:
        bundle: The model.

    Returns:
        Dictionaries, lists, texts, numbers and None; shares lie in [0, 1].
    """
    codebook = bundle.codebook
    return {
        "version": bundle.version,
        "panel": codebook.panel,
        "category": codebook.category,
        "segments": list(bundle.segments),
        "information_sets": [_describe_route(route) for route in bundle.routes],
        "fields": [_describe_field(field, bundle) for field in codebook.fields],
    }


def _describe_route(route: Route) -> dict[str, Any]:
    evidence = route.champion.evidence if isinstance(route, Guess) else None
    return {
        "name": route.information_set,
        "claim": route.claim.value,
        "meaning": MEANINGS[route.claim],
        "fields": list(route.inputs.fields),
        "evidence": None if evidence is None else evidence.model_dump(mode="json"),
    }


def _describe_field(field: Field, bundle: ScoringBundle) -> dict[str, Any]:
    return {
        "name": field.name,
        "raw_name": field.raw_name,
        "label": field.label,
        "group": bundle.codebook.group(field.group).label,
        "unit": field.unit,
        "note": field.note,
        "codes": [{"code": code, "label": label} for code, label in field.codes.items()],
        "whole": field.is_whole,
        "minimum": field.minimum,
        "maximum": field.maximum,
        "not_stated": field.not_stated,
        "information_sets": [
            route.information_set for route in bundle.routes if field.name in route.inputs.fields
        ],
    }
