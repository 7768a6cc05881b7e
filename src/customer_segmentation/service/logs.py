"""Log lines in JSON, one for each request; none holds anything that was sent."""

from __future__ import annotations

import json
import logging
import re
import sys
import traceback
from datetime import UTC, datetime
from secrets import token_hex
from types import TracebackType
from typing import Any, TextIO

from flask import Request

access_logger = logging.getLogger(f"{__name__}.access")

ID_HEADER = "X-Request-ID"
_SAFE_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


class JsonFormatter(logging.Formatter):
    """Writes a record as one line of JSON; what a record has as `fields` stands beside the message.

    Of an exception the line tells the type and the places that it went through, and not its
    message: that may quote what was sent.
    """

    def format(self, record: logging.LogRecord) -> str:
        """Write a record."""
        time = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line = {"time": time, "level": record.levelname.lower(), "message": record.getMessage()}
        line |= getattr(record, "fields", {})
        if record.exc_info and record.exc_info[0]:
            line |= _describe_fault(record.exc_info[0], record.exc_info[2])
        return json.dumps(line, separators=(",", ":"))


def _describe_fault(kind: type[BaseException], trace: TracebackType | None) -> dict[str, Any]:
    places = traceback.extract_tb(trace)
    return {
        "fault": kind.__qualname__,
        "places": [f"{place.filename}:{place.lineno} {place.name}" for place in places],
    }


def configure_logging(stream: TextIO = sys.stdout) -> None:
    """Let the whole process log in JSON.

    Args:
        stream: Where the lines go.
    """
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter())
    root = logging.getLogger()
    root.handlers = [handler]
    logging.captureWarnings(capture=True)
    logging.getLogger("customer_segmentation").setLevel(logging.INFO)
    # A queue is not worth a line for each request; and some lines below hold a request's path.
    logging.getLogger("waitress").setLevel(logging.ERROR)


def new_id() -> str:
    """An id for a request."""
    return token_hex(8)


def identify(request: Request) -> str:
    """The id of a request: the one it brings if that is a short plain word, or a new one."""
    brought = request.headers.get(ID_HEADER, "")
    return brought if _SAFE_ID.fullmatch(brought) else new_id()
