"""Stack traces in recordings must not name this machine's directories."""

from __future__ import annotations

import traceback
from pathlib import Path


def neutral_stack_traces() -> None:
    """Keeps the last two parts of each path in the stack traces formatted from here on."""
    original = traceback.StackSummary.format_frame_summary

    def shortened(self: traceback.StackSummary, frame: traceback.FrameSummary) -> str:
        path = Path(frame.filename)
        return original(self, frame).replace(str(path), "/".join(path.parts[-2:]), 1)

    traceback.StackSummary.format_frame_summary = shortened  # type: ignore[method-assign,assignment]
