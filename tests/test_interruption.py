"""Ctrl+C stops a run, even if a library swallowed it."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator

import pytest

from customer_segmentation.interruption import Interruption


@pytest.fixture
def interruption() -> Iterator[Interruption]:
    """One that listens, in a program that Ctrl+C ends."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    listening = Interruption()
    listening.listen()
    yield listening
    signal.signal(signal.SIGINT, before)


def press_and_swallow() -> None:
    with contextlib.suppress(KeyboardInterrupt):
        os.kill(os.getpid(), signal.SIGINT)


def test_ctrl_c_is_raised_where_it_is_pressed(interruption):
    with pytest.raises(KeyboardInterrupt):
        os.kill(os.getpid(), signal.SIGINT)
    interruption.stop()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_ctrl_c_that_was_swallowed_is_raised_again(interruption):
    interruption.check()
    press_and_swallow()
    with pytest.raises(KeyboardInterrupt):
        interruption.check()
    interruption.listen()  # a run of its own
    interruption.check()


def test_what_belongs_to_others_is_left_alone():
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        other = Interruption()
        other.listen()
        other.stop()
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)
