"""The errors that are written for a person."""

from __future__ import annotations


class ReadableError(Exception):
    """An error whose message says what is wrong, where, and what to do.

    The command line shows the message alone; every other exception is a bug and keeps its
    traceback.
    """


class HouseholdDataError(ReadableError):
    """A panel file, or a record, that is not what the codebook says; nothing of it is used."""
