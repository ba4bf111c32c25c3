"""Errors on their way out of user code.

A Python exception that leaves Python is, for JavaScript, a `PythonError` whose message is the
traceback (spec python-surface §2.3); the exception itself stays its cause.
"""

from __future__ import annotations

import os
import traceback
from typing import Any, Final

from emulator.core.values import JsException

__all__ = ["Aborted", "as_js_error", "copy_error", "describe", "is_abort", "user_traceback"]

_HEADING: Final = "Traceback (most recent call last):\n"
_PACKAGE: Final = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep


class Aborted(BaseException):
    """Raised inside an object that aborted itself: its code ends here, whatever it catches."""


def is_abort(exc: BaseException) -> bool:
    """Whether an exception only carries an abort out of the object's code; the SDK has its own."""
    return isinstance(exc, Aborted) or type(exc).__name__ == "DurableObjectAbort"


def user_traceback(exc: BaseException) -> str:
    """The traceback of `exc` without the frames of the emulator and the SDK's wrappers."""
    report = traceback.TracebackException.from_exception(exc, compact=True)
    _strip(report)
    text = "".join(report.format())
    # Without a frame of user code (a call with wrong arguments), Python leaves the heading out.
    return text if text.startswith(_HEADING) or report.__cause__ else _HEADING + text


def _strip(report: traceback.TracebackException) -> None:
    kept = [frame for frame in report.stack if not frame.filename.startswith(_PACKAGE)]
    report.stack = traceback.StackSummary.from_list(kept)
    for inner in (report.__cause__, report.__context__):
        if inner is not None:
            _strip(inner)


def as_js_error(exc: BaseException) -> JsException:
    """The JavaScript error that an exception of user code is for everybody else."""
    if isinstance(exc, JsException):
        return exc
    wrapped = JsException("PythonError", user_traceback(exc))
    wrapped.__cause__ = exc
    return wrapped


def describe(exc: BaseException) -> tuple[str, str]:
    """An error as the developer is told of it, and the traceback if that is not its text."""
    error = as_js_error(exc)
    if error.name == "PythonError":
        return error.message, ""
    text = str(error)
    frames: list[traceback.FrameSummary] = []
    found: BaseException | None = error
    while found is not None:  # what crossed borders on its way has left the line behind
        frames = [
            frame
            for frame in traceback.extract_tb(found.__traceback__)
            if not frame.filename.startswith(_PACKAGE)
        ] or frames
        found = found.__cause__
    if not frames:
        return text, ""
    return text, f"{_HEADING}{''.join(traceback.format_list(frames))}{text}"


def copy_error(source: JsException, **properties: Any) -> JsException:
    """A fresh error like `source`: each receiver raises its own."""
    copy = type(source).__new__(type(source))
    copy.__dict__.update(source.__dict__)
    copy.__dict__.update(properties)
    copy.__cause__ = source.__cause__
    return copy
