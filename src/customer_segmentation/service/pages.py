"""The pages for a person: a form for one household, and an upload for a file of them.

They keep no state and set no cookie, so a request that another site makes a browser send changes
nothing, and no token is needed to tell it apart. Everything works without JavaScript.
"""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

import pandas as pd
from flask import Blueprint, Response, current_app, g, make_response, render_template, request
from werkzeug.datastructures import MultiDict
from werkzeug.exceptions import BadRequest, HTTPException, NotFound, RequestEntityTooLarge

from customer_segmentation.figures.style import ReportingParameters
from customer_segmentation.findings.wording import lower_first, upper_first
from customer_segmentation.panel.contract import describe_expected
from customer_segmentation.panel.values import HouseholdDataError
from customer_segmentation.scorer.bundle import ScoringBundle
from customer_segmentation.scorer.routes import Route
from customer_segmentation.service.context import count_scores, require_model
from customer_segmentation.service.forms import (
    Form,
    has_mark,
    list_fields,
    read_form,
    write_example,
)
from customer_segmentation.service.page_answers import describe_answer, tell_accuracy, tell_evidence
from customer_segmentation.service.uploads import score_file, tabulate_examples, tabulate_file

# What the pages ask for besides fields.
KNOWN, EXAMPLE, UNSTATED, FILE = "known", "example", "unstated", "file"
NAME_SHOWN = 60  # characters of a file's name, which may be anything

HEADINGS = {
    400: "This request cannot be read",
    401: "This service asks for a token",
    404: "There is no such page",
    413: "This is too large to be sent here",
    503: "No model is ready yet",
}
OTHER_FORM = "The form is not the one that was shown. Go back to its page and fill it in again."
TOO_LARGE = (
    "Larger files are scored on the command line: "
    "kedro run --pipelines scoring --params households_file=..."
)


def create_blueprint(reporting: ReportingParameters) -> Blueprint:
    """The routes of the pages.

    Args:
        reporting: Names of information sets and scores, and the colours of segments and claims.
    """
    pages = Blueprint("pages", __name__)

    @pages.before_request
    def take_words() -> None:
        g.reporting = reporting

    pages.context_processor(offer_words)
    pages.register_error_handler(HTTPException, show_error)
    pages.get("/")(ask_household)
    pages.post("/")(answer_household)
    pages.get("/batch")(ask_file)
    pages.post("/batch")(answer_file)
    pages.get("/batch/example.csv")(give_example)
    return pages


def offer_words() -> dict[str, Any]:
    """What the templates say beyond what a view gives them."""
    functions = (
        describe_expected,
        has_mark,
        list_fields,
        lower_first,
        tell_accuracy,
        tell_evidence,
        upper_first,
    )
    limit = current_app.config["MAX_CONTENT_LENGTH"]
    return {**{each.__name__: each for each in functions}, "limit": f"{limit / 2**20:.3g} MiB"}


def show_error(error: HTTPException) -> Response:
    """Say on a page what is wrong with a request."""
    response = error.get_response()
    told = TOO_LARGE if isinstance(error, RequestEntityTooLarge) else error.description
    heading = HEADINGS.get(error.code or 0, error.name)
    response.set_data(render_template("notice.html", heading=heading, told=told))
    response.mimetype = "text/html"
    return make_response(response)


def ask_household() -> Response:
    """Show what may be known of a household, and the form for it once that is chosen."""
    bundle = require_model().bundle
    if KNOWN not in request.args:
        return _show("household.html", bundle, form=None)
    route = _find_route(request.args[KNOWN], bundle)
    name = request.args.get(EXAMPLE)
    if name is None:
        return _show("household.html", bundle, form=Form(bundle, route))
    for example in bundle.examples:
        if example.segment == name:
            return _show("household.html", bundle, form=write_example(example, bundle, route))
    raise NotFound("The model has no such example. Choose another.")


def answer_household() -> Response:
    """Answer the form of a household, or show it again with what is wrong."""
    bundle = require_model().bundle
    route = _find_route(request.form.get(KNOWN, ""), bundle)
    texts, unstated = _take_answers(request.form, route, bundle)
    form, scores = read_form(texts, unstated, bundle, route)
    count_scores(scores, 1)
    if form.is_wrong:
        return _show("household.html", bundle, HTTPStatus.UNPROCESSABLE_ENTITY, form=form)
    answer = describe_answer(scores, g.reporting)
    return _show("household.html", bundle, form=form, answer=answer)


def ask_file() -> Response:
    """Show what a file must hold."""
    return _show("file.html", require_model().bundle)


def answer_file() -> Response:
    """Give the scored file, or show what is wrong with the one that came."""
    bundle = require_model().bundle
    sent = request.files.get(FILE)
    if sent is None or not sent.filename:
        return _refuse_file(bundle, ["Choose a file first."])
    try:
        scores = score_file(sent.read(), sent.filename[:NAME_SHOWN], bundle)
    except HouseholdDataError as error:
        first, *others = str(error).splitlines()  # the first alone, or a heading of the others
        return _refuse_file(bundle, others or [first])
    count_scores(scores, len(scores.households))
    return _download(tabulate_file(scores), "segments.csv")


def give_example() -> Response:
    """Give a file to start from."""
    return _download(tabulate_examples(require_model().bundle), "households.csv")


def _show(template: str, bundle: ScoringBundle, status: int = 200, **content: Any) -> Response:
    page = render_template(template, bundle=bundle, **content)
    return make_response(page, status)


def _refuse_file(bundle: ScoringBundle, problems: Sequence[str]) -> Response:
    return _show("file.html", bundle, HTTPStatus.UNPROCESSABLE_ENTITY, problems=problems)


def _download(table: pd.DataFrame, name: str) -> Response:
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(table.to_csv(index=False), mimetype="text/csv", headers=headers)


def _find_route(name: str, bundle: ScoringBundle) -> Route:
    for route in bundle.routes:
        if route.information_set == name:
            return route
    raise NotFound("The model does not answer from this. Choose again what is known.")


def _take_answers(
    sent: MultiDict[str, str], route: Route, bundle: ScoringBundle
) -> tuple[dict[str, str], list[str]]:
    """What was written in the fields of a form, and which of them were marked as not stated.

    Raises:
        BadRequest: The form holds something that was not asked, or an answer twice.
    """
    asked = list_fields(route, bundle.codebook)
    texts = {name: values for name, values in sent.lists() if name not in (KNOWN, UNSTATED)}
    unstated = sent.getlist(UNSTATED)
    is_own = (
        texts.keys() <= {field.name for field in asked}
        and set(unstated) <= {field.name for field in asked if has_mark(field)}
        and all(len(values) == 1 for values in texts.values())
    )
    if not is_own:
        raise BadRequest(OTHER_FORM)
    return {name: value for name, (value,) in texts.items()}, unstated
