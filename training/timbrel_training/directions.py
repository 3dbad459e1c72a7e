"""Names the directions and some latents of a model, by what is heard.

    python -m timbrel_training.directions MODEL.onnx [--run RUN] [--data DIR]

Candidates are the principal components of the generator's early activations (with --run), else of the spectra of its
notes; the directions that attributes follow; and in a latent of few numbers these themselves. Each is played at several
latents and keys from -2 to +2 standard deviations, and bears the label of what it changes most, no two the same; what
does not change the same way at other latents does not count. Each is walked from -3 to +3, where a knob goes, and one
that jumps on the way has to stand back. They are ordered by how much they change, and what changes nothing is left out.

Named latents are the places of instruments, where the run's generator knows them, and random latents, far apart; each is
played on every key, and drawn in or left out when one is off. Then come the map on which latents lie by their likeness, and
the programs of General MIDI (`likeness.py`). All goes into the model's manifest.
"""

import argparse
from pathlib import Path

import numpy as np
import torch

from timbrel_training import generators, likeness, manifest
from timbrel_training.data import DataSet
from timbrel_training.errors import TrainingError, run_command
from timbrel_training.knobs import find_directions
from timbrel_training.measures.character import LABELS
from timbrel_training.model_file import ModelFile
from timbrel_training.named_latents import LATENTS, Candidates, choose_latents, display_names, places_of, sounds_of
from timbrel_training.player import Heard, Player
from timbrel_training.progress import stopwatch

# Notes that tell how attributes vary from latent to latent, and from which named latents are chosen.
DRAWS = 160
DRAW_KEYS = 3


def describe(path: Path, generator: torch.nn.Module | None = None, data: DataSet | None = None, draws: int = DRAWS,
             named: int = LATENTS, seed: int = 0, progress=lambda _: None) -> str:
    """Writes directions and named latents into the manifest of a model file; answers a few lines that tell of them.

    `generator` is the model's module, for its early activations, and for `known_latents()`, the places of instruments;
    `data` are its training notes, for names of latents.
    """
    player = Player(ModelFile(path))
    progress(f"listening to {draws} latents")
    drawn = player.model.draw(draws, seed)
    keys = player.keys(DRAW_KEYS)
    heard = player.hear_grid(drawn, keys)
    places = places_of(generator) if generator is not None else {}
    entries, chosen = find_directions(player, generator, drawn, heard, seed, progress)
    sounds = sounds_of(data, keys, progress) if data else []
    names = display_names(data) if data else {}
    if places:
        progress(f"listening to {len(places)} instruments at their places")
    of_places = player.hear_grid(np.stack(list(places.values())), keys) if places else None
    latents = choose_latents(player, _candidates(places, of_places, drawn, heard), sounds, named, names, progress)
    groups = [(drawn, heard), *([(np.stack(list(places.values())), of_places)] if places else [])]
    found = likeness.find_map(groups, np.array([latent["vector"] for latent in latents]).reshape(-1, player.model.latent_size))
    programs = likeness.find_programs(player, places, data.about.get("programs", {}) if data else {}, latents, progress)
    manifest.update(path, directions=entries, latents=latents, mean=[0.0] * player.model.latent_size, map=found,
                    programs=programs)
    lines = []
    for entry, direction in zip(entries, chosen):
        strongest = np.argsort(-np.abs(direction.effects))[:3]
        told = ", ".join(f"{LABELS[index]} {direction.effects[index]:+.2f}" for index in strongest)
        uneven = "" if direction.is_even else " UNEVEN"
        lines.append(f"{entry['name']:14} {direction.change_db:5.1f} dB, largest step {direction.largest:.1f}{uneven}   {told}")
    if len(latents) < named:
        lines.append(f"Only {len(latents)} of {named} named latents: no other one was in tune on every key.")
    return "\n".join([*lines, "latents: " + "; ".join(latent["name"] for latent in latents)])


def _candidates(places: dict[str, np.ndarray], of_places: Heard | None, drawn: np.ndarray, heard: Heard) -> Candidates:
    """The random latents, behind the places of the instruments that the generator knows."""
    if of_places is None:
        return Candidates(drawn, heard, [])
    together = Heard(np.concatenate([of_places.pictures, heard.pictures]),
                     np.concatenate([of_places.characters, heard.characters]))
    return Candidates(np.concatenate([*[place[None] for place in places.values()], drawn]), together, list(places))


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m timbrel_training.directions", description=__doc__.split("\n")[0])
    parser.add_argument("model", type=Path, metavar="MODEL.onnx")
    parser.add_argument("--run", type=Path, help="run or checkpoint of the model, for its early activations")
    parser.add_argument("--data", type=Path, help="its training data: latents near an instrument get its name")
    parser.add_argument("--draws", type=int, default=DRAWS, help=f"random latents that are heard (default {DRAWS})")
    parser.add_argument("--latents", type=int, default=LATENTS, help=f"named latents (default {LATENTS})")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    progress = stopwatch()
    if arguments.draws < 2:
        raise TrainingError("--draws must be 2 or more.")
    generator = generators.load(arguments.run) if arguments.run else None
    data = DataSet(arguments.data) if arguments.data else None
    print(describe(arguments.model, generator, data, arguments.draws, arguments.latents, arguments.seed, progress))


if __name__ == "__main__":
    run_command(main)
