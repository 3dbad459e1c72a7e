"""The listening test of the paper's table: makes the page, and ranks the rows by listeners' answers.

    python -m timbrel_training.listen page OUT/notes --out listen.html [--pairs 90]
    python -m timbrel_training.listen rank listen.key.json answers-*.json

`page` writes one HTML file that needs nothing else, to be sent to listeners, and beside it the key that says which note came
from which row, to be kept. A listener downloads a file of answers and sends it back. `rank` prints the ranking; as long as
nobody has listened it reports none.
"""

import argparse
from pathlib import Path

from timbrel_training.errors import TrainingError, run_command
from timbrel_training.paper import listening, ranking

# Two answers for every two of ten rows, some ten minutes.
PAIRS = 90


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m timbrel_training.listen", description=__doc__.split("\n")[0])
    commands = parser.add_subparsers(dest="command", required=True)
    page = commands.add_parser("page", help="write the page and its key")
    page.add_argument("notes", type=Path, help="folder `notes` of a table")
    page.add_argument("--out", type=Path, required=True, help="the page, an HTML file")
    page.add_argument("--pairs", type=int, default=PAIRS, help=f"pairs to be heard (default {PAIRS})")
    page.add_argument("--seed", type=int, default=0, help="draws notes, pairs and their order")
    rank = commands.add_parser("rank", help="rank the rows by answers")
    rank.add_argument("key", type=Path, help="the page's key")
    rank.add_argument("answers", type=Path, nargs="*", help="files of answers")
    arguments = parser.parse_args()
    if arguments.command == "rank":
        print(ranking.markdown(ranking.read(arguments.key, arguments.answers)))
        return
    if arguments.pairs < 1:
        raise TrainingError("--pairs must be above 0.")
    key = listening.make(arguments.notes, arguments.out, arguments.pairs, arguments.seed)
    print(f"{arguments.out} can be sent to listeners; keep {key}, which tells them apart.")
    print(ranking.NOBODY)


if __name__ == "__main__":
    run_command(main)
