"""Ctrl+C that no library can swallow."""

from __future__ import annotations

import signal
import threading
from types import FrameType


class Interruption:
    """Remembers that Ctrl+C was pressed.

    Where Python is called back from compiled code, the exception that Ctrl+C raises may be dropped,
    and the program goes on as if nothing had happened.
    """

    def __init__(self) -> None:
        self._is_asked = False

    def listen(self) -> None:
        """Remember Ctrl+C from now on, in a program that Ctrl+C ends."""
        self._is_asked = False
        # Elsewhere it is somebody else's: a notebook's, or nobody's in the background.
        is_ours = signal.getsignal(signal.SIGINT) is signal.default_int_handler
        if is_ours and threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGINT, self._remember)

    def check(self) -> None:
        """Stop if Ctrl+C was pressed.

        Raises:
            KeyboardInterrupt: It was, and the program still runs.
        """
        if self._is_asked:
            raise KeyboardInterrupt

    def stop(self) -> None:
        """Leave Ctrl+C as it was. May be called again."""
        if signal.getsignal(signal.SIGINT) == self._remember:
            signal.signal(signal.SIGINT, signal.default_int_handler)

    def _remember(self, number: int, frame: FrameType | None) -> None:
        self._is_asked = True
        signal.default_int_handler(number, frame)
