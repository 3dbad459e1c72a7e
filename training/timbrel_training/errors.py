"""The one exception for what a user can mend, and how a command ends with it."""

import sys
from collections.abc import Callable


class TrainingError(Exception):
    """Bad input that was foreseen. The message is a sentence that says what is wrong and what to do."""


def run_command(main: Callable[[], None]) -> None:
    """Runs the main function of a command; a `TrainingError` is printed and ends the process with status 2."""
    try:
        main()
    except TrainingError as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(2) from None
