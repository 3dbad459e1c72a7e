"""What a command says while it works."""

import sys
import time
from collections.abc import Callable


def stopwatch() -> Callable[[str], None]:
    """A printer of lines to the standard error, each with the seconds since now."""
    started = time.monotonic()

    def progress(text: str) -> None:
        print(f"{time.monotonic() - started:6.0f} s  {text}", file=sys.stderr, flush=True)

    return progress
