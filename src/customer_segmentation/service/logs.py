"""Log lines in JSON, one for each request; none holds anything that was sent."""

from __future__ import annotations

import json
import logging
import sys
import traceback
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, TextIO

_write = json.JSONEncoder(separators=(",", ":")).encode


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
        return _write(line)


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
    # Below are clients that went away and requests that had to wait, a line for each.
    logging.getLogger("waitress").setLevel(logging.ERROR)
