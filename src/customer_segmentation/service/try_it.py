"""The page on which a person tries the API: Swagger UI's own files around the description."""

from __future__ import annotations

from importlib.resources import files

from flask import Blueprint, Response, abort, render_template, send_from_directory

FILES = frozenset({"favicon-32x32.png", "swagger-ui-bundle.js", "swagger-ui.css"})


def create_blueprint() -> Blueprint:
    """The page and its files."""
    blueprint = Blueprint("try_it", __name__)
    blueprint.get("/docs")(show_page)
    blueprint.get("/docs/<name>")(send_file)
    return blueprint


def show_page() -> str:
    """The page; all that it does is in files, because the policy allows no inline script."""
    return render_template("try_it.html")


def send_file(name: str) -> Response:
    """A file of Swagger UI.

    Args:
        name: One of those that the page needs.
    """
    if name not in FILES:
        abort(404)
    return send_from_directory(str(files("flask_swagger_ui") / "dist"), name)
