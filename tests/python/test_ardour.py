"""The built VST3 bundle in a digital audio workstation: Ardour, without its window.

A session is made, played with automation, saved, opened again and exported.
"""

import os
import re
import shutil
import struct
import subprocess
from pathlib import Path

import numpy as np
import pytest
from pedalboard.io import AudioFile

CHECKOUT = Path(__file__).resolve().parents[2]
BUNDLE = CHECKOUT / "target" / "bundled" / "Timbrel.vst3"
SCRIPTS = Path(__file__).resolve().parent / "ardour"

RATE = 48_000
SECONDS = 5.0
TICKS = 1920
"""Ticks of a quarter note, of which there are two a second."""

GAIN_DB = -12.5

SUPERCLOCKS = 282_240_000
"""Ardour's units of a second."""


def program(pattern: str) -> str | None:
    """Ardour's programs have the number of its version in their names."""
    found = sorted(path for path in Path("/usr/bin").glob(pattern))
    return str(found[-1]) if found else None


LUA, EXPORT = program("ardour*-lua"), program("ardour*-export")
SCANNER = sorted(Path("/usr/lib").glob("ardour*/ardour-vst3-scanner"))
pytestmark = pytest.mark.skipif(not (LUA and EXPORT and SCANNER), reason="Ardour is not installed")


def number(value: int) -> bytes:
    """A number of a MIDI file, seven bits a byte."""
    own = [value & 127]
    while value := value >> 7:
        own.append(128 | (value & 127))
    return bytes(reversed(own))


def midi_file(events: list[tuple[int, bytes]]) -> bytes:
    track = b"".join(number(after) + event for after, event in events)
    header = b"MThd" + struct.pack(">IHHH", 6, 0, 1, TICKS)
    return header + b"MTrk" + struct.pack(">I", len(track)) + track


class Desk:
    """A home of its own with the plugin in it, and a session."""

    def __init__(self, home: Path):
        self.home = home
        self.folder = home / "session"
        plugins = home / ".vst3"
        plugins.mkdir()
        (plugins / "Timbrel.vst3").symlink_to(BUNDLE)
        self.environment = os.environ | {
            "HOME": str(home),
            "SESSION_FOLDER": str(self.folder),
            "SESSION_NAME": "session",
            "GAIN_DB": str(GAIN_DB),
            "TIMBREL_CACHE": "off",
        }
        library = str(SCANNER[-1].parent)
        self.run(str(SCANNER[-1]), str(plugins / "Timbrel.vst3"), LD_LIBRARY_PATH=library)

    def run(self, *command: str, **more: str) -> str:
        done = subprocess.run(command, env=self.environment | more, capture_output=True, text=True, check=False)
        said = done.stdout + done.stderr
        assert done.returncode == 0, said
        return said

    def lua(self, script: str) -> str:
        said = self.run(LUA, str(SCRIPTS / script))
        assert "Error" not in said, said
        return said

    def add_notes(self) -> None:
        """A chord that builds up, written into the session's file: the shell has no words for regions."""
        on = [(0, bytes([0x90, 57, 100])), (TICKS // 2, bytes([0x90, 64, 80])), (TICKS // 2, bytes([0x90, 72, 90]))]
        off = [(6 * TICKS, bytes([0x80, 57, 0])), (0, bytes([0x80, 64, 0])), (0, bytes([0x80, 72, 0]))]
        end = [(TICKS, b"\xff\x2f\x00")]
        (self.folder / "interchange/session/midifiles/chord.mid").write_bytes(midi_file(on + off + end))
        length = 8 * TICKS

        def region(identity: int, is_file: int) -> str:
            return (
                f'<Region id="{identity}" name="chord" type="midi" muted="0" opaque="1" locked="0" automatic="0" '
                f'whole-file="{is_file}" import="0" external="0" hidden="0" position-locked="0" start="b0" '
                f'length="b{length}@b0" sync-position="b0" ancestral-start="b0" ancestral-length="b{length}@b0" '
                'stretch="1" shift="1" layering-index="0" first-edit="nothing" source-0="90001" '
                'master-source-0="90001" channels="1"/>'
            )

        file = self.folder / "session.ardour"
        text = file.read_text()
        source = '<Source name="chord.mid" type="midi" flags="" id="90001"/>'
        text = text.replace("<Sources/>", f"<Sources>{source}</Sources>")
        text = text.replace("<Regions/>", f"<Regions>{region(90002, 1)}</Regions>")
        end = round(SECONDS * SUPERCLOCKS)
        span = f'<Location id="90004" name="session" start="a0" end="a{end}" flags="IsSessionRange" locked="0"/>'
        text = text.replace("<Locations/>", f"<Locations>{span}</Locations>")
        playlist = r'(<Playlist id="\d+" name="Timbrel" type="midi"[^>]*)/>'
        text, count = re.subn(playlist, lambda found: f"{found[1]}>{region(90003, 0)}</Playlist>", text)
        assert count == 1
        file.write_text(text)

    def automate(self, on: bool) -> None:
        """Lets the plugin's parameters follow their lines, or not."""
        file = self.folder / "session.ardour"
        text = file.read_text()
        states = {True: ('state="Off"', 'state="Play"'), False: ('state="Play"', 'state="Off"')}[on]
        line = re.search(r'<AutomationList [^>]*automation-id="parameter-0"[^>]*>', text)
        assert line, "the session has no automation of the first parameter"
        assert states[0] in line[0], line[0]
        file.write_text(text.replace(line[0], line[0].replace(*states)))

    def export(self, name: str) -> np.ndarray:
        """[2, samples]"""
        file = self.home / f"{name}.wav"
        self.run(EXPORT, "--bitdepth", "float", "--samplerate", str(RATE), "--output", str(file), str(self.folder), "session")
        with AudioFile(str(file)) as sound:
            return sound.read(sound.frames)


def db(sound: np.ndarray) -> float:
    return 20 * np.log10(max(float(np.sqrt(np.mean(sound**2))), 1e-9))


def level_at(sound: np.ndarray, hz: float) -> float:
    """Level of a partial over the median of the spectrum, in dB."""
    spectrum = np.abs(np.fft.rfft(sound * np.hanning(len(sound))))
    bin_hz = RATE / len(sound)
    near = spectrum[round((hz - 6) / bin_hz) : round((hz + 6) / bin_hz) + 1]
    return 20 * float(np.log10(near.max() / np.median(spectrum)))


def test_a_session_is_played_saved_opened_and_exported_the_same(tmp_path: Path):
    desk = Desk(tmp_path)
    desk.lua("make.lua")
    desk.add_notes()

    first = desk.export("first")
    assert first.shape == (2, round(SECONDS * RATE))
    assert -50 < db(first[:, : 4 * RATE]) < -10
    chord = first[0, 2 * RATE : 3 * RATE]
    for key in (57, 64, 72):
        assert level_at(chord, 440 * 2 ** ((key - 69) / 12)) > 30, key
    # Released at 3.5 s, the chord has died away at the end.
    assert db(first[:, -RATE // 4 :]) < -80

    assert np.array_equal(first, desk.export("second")), "the same session, the same sound"

    said = desk.lua("reopen.lua")
    gain = re.search(r"gain=(-?[\d.]+)", said)
    assert gain and abs(float(gain[1]) - GAIN_DB) < 0.05, said
    assert np.array_equal(first, desk.export("reopened")), "opened and saved again, the same sound"

    desk.automate(on=False)
    still = desk.export("still")
    spectra = [np.abs(np.fft.rfft(sound[0, 2 * RATE : 3 * RATE])) for sound in (first, still)]
    assert np.linalg.norm(spectra[0] - spectra[1]) > 0.1 * np.linalg.norm(spectra[1]), "the automation is heard"
    shutil.rmtree(desk.folder)
