"""The pages for a person: a form for one household, and an upload for a file of them.

They keep no state and set no cookie, so a request that another site makes a browser send changes
nothing, and no token is needed to recognise it. Everything works without JavaScript.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Sequence
from http import HTTPStatus
from io import StringIO
from typing import Any, NamedTuple

import numpy as np
from flask import Blueprint, Response, abort, make_response, render_template, request
from werkzeug.datastructures import MultiDict
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge

from customer_segmentation.classification.models import probability_column
from customer_segmentation.figures.style import ReportingParameters
from customer_segmentation.findings import wording
from customer_segmentation.panel.codebook import Codebook, Field
from customer_segmentation.panel.contract import describe_expected
from customer_segmentation.panel.reader import read_panel_bytes
from customer_segmentation.panel.values import HouseholdDataError
from customer_segmentation.scorer.batch import score_table
from customer_segmentation.scorer.routes import Assignment, Route
from customer_segmentation.scorer.scoring import Scores
from customer_segmentation.service.answers import Answer, Model, Object
from customer_segmentation.service.forms import (
    Form,
    has_mark,
    hint,
    list_fields,
    read_form,
    shared_hint,
    write_number,
)
from customer_segmentation.service.middleware import current_request

# What the pages ask for besides fields.
KNOWN, EXAMPLE, UNSTATED, FILE = "known", "example", "unstated", "file"
NAME_SHOWN = 60  # characters of a file's name, which may be anything
ALMOST_NOTHING = 0.005  # prints as 0% or, from 1, as 100%
FEW_ROWS = 1000  # of which each can be judged by itself
NOT_ZERO = re.compile("[1-9]")
MOST_CELLS = 1000  # of a row: all fields, and many blank columns

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

pages = Blueprint("pages", __name__)


class Term(NamedTuple):
    """One reason.

    Attributes:
        label: What it is about.
        title: The same where it stands alone, as the part of a composition says little.
        value: What is known of it; empty for a score.
        size: What it adds; negative where it speaks against.
    """

    label: str
    title: str
    value: str
    size: float


class Picture(NamedTuple):
    """A picture of the reasons.

    Attributes:
        terms: All reasons, the strongest first.
        bars: What is drawn: the strongest of them, and the sum of the others.
        first: The strongest; None where nothing that is drawn adds anything.
        other: The strongest of the other side; None where there is none.
    """

    terms: Sequence[Term]
    bars: Sequence[Term]
    first: Term | None
    other: Term | None


@pages.errorhandler(HTTPException)
def show_error(error: HTTPException) -> Response:
    """Say on a page what is wrong with a request."""
    response = error.get_response()
    why = TOO_LARGE if isinstance(error, RequestEntityTooLarge) else error.description
    heading = HEADINGS.get(error.code or 0, error.name)
    response.set_data(render_template("notice.html", heading=heading, why=why))
    response.mimetype = "text/html"
    return make_response(response)


@pages.get("/")
def ask_household() -> Response:
    """Show what may be known of a household, and the form for it once that is chosen."""
    model = current_request().require_model()
    if KNOWN not in request.args:
        return _show("household.html", model, form=None)
    route, codebook = _find_route(request.args[KNOWN], model), model.bundle.codebook
    texts, name = {}, request.args.get(EXAMPLE)
    if name is not None:
        if name not in model.examples:
            abort(404, "The model has no such example. Choose another.")
        household = model.examples[name]
        for field in list_fields(route, codebook):
            texts[field.name] = write_number(household[field.name], field)
    return _show("household.html", model, form=Form(codebook, route, texts))


@pages.post("/")
def answer_household() -> Response:
    """Answer the form of a household, or show it again with what is wrong."""
    context = current_request()
    model = context.require_model()
    route = _find_route(request.form.get(KNOWN, ""), model)
    texts, unstated = _take_answers(request.form, route, model.bundle.codebook)
    form, scores = read_form(texts, unstated, model, route)
    answers = [each for each in model.render(scores, explained=True) if each]
    context.count_answers(answers, 1 - len(answers))
    if form.is_wrong:
        return _show("household.html", model, HTTPStatus.UNPROCESSABLE_ENTITY, form=form)
    (answer,) = answers
    picture = draw_reasons(answer, scores, model, context.service.reporting)
    return _show("household.html", model, form=form, answer=answer, picture=picture)


@pages.get("/batch")
def ask_file() -> Response:
    """Show what a file must hold."""
    return _show("file.html", current_request().require_model())


@pages.post("/batch")
def answer_file() -> Response:
    """Give the scored file, or show what is wrong with the one that came."""
    context = current_request()
    model, sent = context.require_model(), request.files.get(FILE)
    if sent is None or not sent.filename:
        return _refuse_file(model, ["Choose a file first."])
    try:
        scores = score_file(sent.read(), sent.filename[:NAME_SHOWN], model)
    except HouseholdDataError as error:
        first, *others = str(error).splitlines()  # the first alone, or a heading of the others
        return _refuse_file(model, others or [first])
    answers = [each for each in model.render(scores, explained=False) if each]
    context.count_answers(answers, 0)
    rows = [_tabulate(each) for each in answers]
    return _download(rows, rows[0], "segments.csv")


def _tabulate(answer: Answer) -> Object:
    """The answer as a row of a file; the segments of a set are separated by semicolons."""
    row = {name: value for name, value in answer.items() if not isinstance(value, dict | list)}
    shares = answer["probabilities"].items()
    row |= {probability_column(name): share for name, share in shares}
    return row | {"conformal_set": "; ".join(answer["conformal_set"])}


@pages.get("/batch/example.csv")
def give_example() -> Response:
    """Give a file to start from: the typical households, under identifiers that are made up."""
    model = current_request().require_model()
    name = model.bundle.codebook.identifier
    first = int(model.bundle.codebook.field(name).minimum or 1)
    rows = [{name: at, **each} for at, each in enumerate(model.examples.values(), first)]
    return _download(rows, rows[0] if rows else [name], "households.csv")


def _show(template: str, model: Model, status: int = 200, **content: Any) -> Response:
    page = render_template(template, bundle=model.bundle, model=model, **content)
    return make_response(page, status)


def _refuse_file(model: Model, problems: Sequence[str]) -> Response:
    return _show("file.html", model, HTTPStatus.UNPROCESSABLE_ENTITY, problems=problems)


def _download(rows: Iterable[Object], columns: Iterable[str], name: str) -> Response:
    file = StringIO()
    writer = csv.DictWriter(file, [*columns], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(file.getvalue(), mimetype="text/csv", headers=headers)


def _find_route(name: str, model: Model) -> Route:
    if name not in model.routes:
        abort(404, "The model does not answer from this. Choose again what is known.")
    return model.routes[name]


def _take_answers(
    sent: MultiDict[str, str], route: Route, codebook: Codebook
) -> tuple[dict[str, str], list[str]]:
    """What was written in the fields of a form, and which of them were marked as not stated."""
    asked = list_fields(route, codebook)
    texts = {name: values for name, values in sent.lists() if name not in (KNOWN, UNSTATED)}
    unstated = sent.getlist(UNSTATED)
    is_own = (
        texts.keys() <= {field.name for field in asked}
        and set(unstated) <= {field.name for field in asked if has_mark(field)}
        and all(len(values) == 1 for values in texts.values())
    )
    if not is_own:
        abort(400, OTHER_FORM)
    return {name: value for name, (value,) in texts.items()}, unstated


def score_file(content: bytes, source: str, model: Model) -> Scores:
    """Score the households of a file, or refuse it as a whole.

    Args:
        content: A comma-separated file: one row per household, its identifier and any of the fields
            as columns.
        source: What the file is called.
        model: What answers.

    Raises:
        HouseholdDataError: The file cannot be read, a column or a value is not what the codebook
            says, or a household has no identifier or no answer.
    """
    _refuse_odd_shapes(content, source, model)
    table = read_panel_bytes(content, source)
    # More columns than there are names cannot all be right; to describe each would take minutes.
    codebook = model.bundle.codebook
    most = len(codebook.fields) + len(codebook.ignored_raw_names)
    if len(table.columns) > most:
        raise HouseholdDataError(
            f"{source}: the header names {len(table.columns)} columns, but a household has no more "
            f"than {most}. Leave the others out."
        )
    return score_table(model.bundle, table, source)


def _refuse_odd_shapes(content: bytes, source: str, model: Model) -> None:
    """What cannot be right by its shape is refused unread: to describe it all takes minutes."""
    rows = max(content.count(b"\n"), content.count(b"\r"))
    fewest = min(len(route.inputs.fields) for route in model.bundle.routes)
    if rows > FEW_ROWS and len(content) < rows * (fewest + 1):  # a comma each, and the end
        raise HouseholdDataError(
            f"{source}: its {rows} rows are too short to hold the {fewest} fields that an answer "
            "needs at least."
        )
    widest = max((line.count(b",") + 1 for line in content.splitlines()), default=0)
    if widest > MOST_CELLS:
        raise HouseholdDataError(
            f"{source}: a row has {widest} cells, but a household has "
            f"{len(model.bundle.codebook.fields)} fields. Leave the others out."
        )


def draw_reasons(
    answer: Answer, scores: Scores, model: Model, reporting: ReportingParameters
) -> Picture:
    """Prepare the picture of the reasons for an answer about one household."""
    terms, most = list(_list_terms(answer, scores, model, reporting)), reporting.fields_shown
    bars = terms
    if len(terms) > most + 1:  # a single one takes no more room by itself
        rest = f"The other {len(terms) - most} answers"
        bars = [*terms[:most], Term(rest, rest, "", sum(term.size for term in terms[most:]))]
    # Those that print as something.
    speaking = [
        each for each in terms[:most] if NOT_ZERO.search(wording.signed_decimals(each.size))
    ]
    first = speaking[0] if speaking else None
    other = next((each for each in speaking if (each.size > 0) != (speaking[0].size > 0)), None)
    return Picture(terms, bars, first, other)


def _list_terms(
    answer: Answer, scores: Scores, model: Model, reporting: ReportingParameters
) -> Iterable[Term]:
    codebook, route = model.bundle.codebook, model.routes[answer["information_set"]]
    values = {} if isinstance(route, Assignment) else route.inputs.derive(scores.households.values)
    for term in answer["reasons"]["contributions"]:
        name, whole = term["name"], _find_whole(term["name"], codebook)
        label = codebook[name].title if name in codebook else reporting.label(name)
        value = _show_value(float(values[name][0]), name, codebook) if values else ""
        title = f"{label} ({whole})" if whole else label
        yield Term(label, title, value, term["contribution"])


def _find_whole(name: str, codebook: Codebook) -> str:
    """The composition that a field is a part of, for without it the part says little; else ""."""
    for group in codebook.compositions:
        if name in codebook.columns_of(group.name):
            return wording.lower_first(group.label)
    return ""


def _show_value(value: float, name: str, codebook: Codebook) -> str:
    variable = codebook[name]
    if np.isnan(value):
        return "not stated"
    if isinstance(variable, Field) and variable.codes:
        return variable.codes[int(value)]
    if isinstance(variable, Field) and variable.is_whole:
        return f"{value:,.0f} {variable.unit}".strip()
    unit = variable.unit.removeprefix("share ")
    if whole := _find_whole(name, codebook):
        unit = f"of {whole}"
    return f"{wording.printer_of(variable)(value)} {unit}".strip()


def probability(share: float) -> str:
    """A probability in per cent; only what is certain is printed as 0% or 100%."""
    if 0 < share <= ALMOST_NOTHING:
        return "under 1%"
    return "over 99%" if 1 - ALMOST_NOTHING <= share < 1 else wording.percent(share)


for _filter in (
    *(wording.counted, wording.inside, wording.listing, wording.lower_first, wording.percent_1),
    *(wording.sample, wording.signed_decimals, wording.two_decimals, wording.upper_first),
    *(describe_expected, has_mark, hint, list_fields, probability, shared_hint),
):
    pages.add_app_template_filter(_filter)
