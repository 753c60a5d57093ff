"""SIGINT and SIGTERM as exceptions, so that everything is put in order on the way out."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

__all__ = ["Terminated", "raised"]

ONCE_MORE = 0.001  # seconds


class Terminated(BaseException):
    """SIGTERM came."""


@contextmanager
def raised(*, program: bool) -> Iterator[None]:
    """In the block, SIGINT raises ``KeyboardInterrupt`` and SIGTERM `Terminated`; a second one is ignored.

    After the block of a whole ``program`` both end the process silently: what is left is the interpreter's
    own end, in which a Python handler could only print a traceback.
    """
    before: dict[signal.Signals, Any] = {}

    def end(number: int, _: FrameType | None) -> None:
        for other in before:
            signal.signal(other, signal.SIG_IGN)
        raise KeyboardInterrupt if number == signal.SIGINT else Terminated

    def unraisable(thrown: Any) -> None:
        # Python throws away what is raised inside a destructor or a callback, of which the import system
        # has many: try again in a moment, outside of it.
        if not isinstance(thrown.exc_value, KeyboardInterrupt | Terminated):
            hook(thrown)
            return
        number = signal.SIGINT if isinstance(thrown.exc_value, KeyboardInterrupt) else signal.SIGTERM
        signal.signal(signal.SIGALRM, lambda *_: end(number, None))
        signal.setitimer(signal.ITIMER_REAL, ONCE_MORE)

    hook, sys.unraisablehook = sys.unraisablehook, unraisable
    try:
        for number in (signal.SIGINT, signal.SIGTERM):
            handler = signal.getsignal(number)
            if handler in (signal.SIG_DFL, signal.default_int_handler):  # `nohup` wants it otherwise
                before[number] = signal.signal(number, end)
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        sys.unraisablehook = hook
        for number, handler in before.items():
            signal.signal(number, signal.SIG_DFL if program else handler)
