"""The listening test: the page in a real browser, and the ranking from answers."""

import itertools
import json
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from timbrel_training import listen
from timbrel_training.errors import TrainingError
from timbrel_training.paper import listening, ranking
from timbrel_training.paper.ranking import Answer

ROWS = ("real", "if-mel-hires-1", "phase-1", "wavegan-1", "wavegan-2")
BROWSERS = ("chromium", "chromium-browser", "google-chrome")


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    """Two keys of each row, a tenth of a second each, and no two alike."""
    folder = tmp_path / "notes"
    for number, row in enumerate(ROWS):
        (folder / row).mkdir(parents=True)
        for place, key in enumerate((40, 52)):
            wave = 0.1 * np.sin(np.arange(1_600) * (0.02 + 0.01 * place + 0.001 * number))
            soundfile.write(folder / row / f"{place:02d}-{key}.wav", wave, 16_000, subtype="PCM_16")
    return folder


def content_of(page: Path) -> dict[str, Any]:
    line = next(line for line in page.read_text().splitlines() if line.startswith("const test = "))
    return json.loads(line.removeprefix("const test = ").removesuffix(";"))


def test_the_page_is_blind_and_whole(notes: Path, tmp_path: Path) -> None:
    page = tmp_path / "listen.html"
    key = json.loads(listening.make(notes, page, 24, seed=1).read_text())
    text = page.read_text()
    # The seeds of a row are one row to a listener, and nothing tells the rows or fetches anything.
    for word in ("if-mel", "phase", "wavegan", "http:", "https:", "src="):
        assert word not in text.replace("data:audio", "")
    assert "No result of this test is reported" in " ".join(text.split())
    told = content_of(page)
    assert told["id"] == key["test"] and len(told["pairs"]) == len(key["pairs"]) == 24
    met = [tuple(sorted(pair)) for pair in key["pairs"]]
    assert {met.count(pair) for pair in itertools.combinations(("if-mel-hires", "phase", "real", "wavegan"), 2)} == {4}
    # Each of two rows stands first as often as second, and both notes of a pair have one key.
    assert all(key["pairs"].count([one, other]) == 2 for one, other in itertools.permutations({*sum(key["pairs"], [])}, 2))
    assert len(set(told["notes"])) == len(told["notes"])


def test_the_notes_on_the_page_are_those_of_the_key(notes: Path, tmp_path: Path) -> None:
    page = tmp_path / "listen.html"
    key = json.loads(listening.make(notes, page, 12, seed=2).read_text())
    told = content_of(page)
    sounds = {listening._encoded(path): path for path in notes.glob("*/*.wav")}
    for numbers, rows in zip(told["pairs"], key["pairs"], strict=True):
        paths = [sounds[told["notes"][number]] for number in numbers]
        assert [path.parent.name.removesuffix("-1").removesuffix("-2") for path in paths] == rows
        assert len({path.stem.split("-")[1] for path in paths}) == 1


def test_pages_with_one_row_are_refused(notes: Path, tmp_path: Path) -> None:
    for row in ROWS[1:]:
        shutil.rmtree(notes / row)
    with pytest.raises(TrainingError, match="notes of 1 rows"):
        listening.make(notes, tmp_path / "listen.html", 10, seed=1)


def browser() -> str:
    """A browser's path, where there is one and something to drive it."""
    pytest.importorskip("playwright.sync_api", reason="The page is tested in a browser where the package playwright is installed.")
    path = next((found for name in BROWSERS if (found := shutil.which(name))), None)
    if path is None:
        pytest.skip("The page is tested in a browser where Chromium is installed.")
    return path


def test_a_listener_goes_through_the_page_and_his_answers_are_ranked(notes: Path, tmp_path: Path) -> None:
    path = browser()
    from playwright.sync_api import sync_playwright

    page_file = tmp_path / "listen.html"
    key = listening.make(notes, page_file, 6, seed=1)
    with sync_playwright() as play:
        chromium = play.chromium.launch(
            executable_path=path, args=["--no-sandbox", "--autoplay-policy=no-user-gesture-required", "--disable-gpu"]
        )
        page = chromium.new_context(accept_downloads=True).new_page()
        page.set_default_timeout(120_000)
        troubles: list[str] = []
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.goto(page_file.as_uri())
        page.click("#begin")
        for number in range(6):
            assert page.inner_text("#place") == f"Pair {number + 1} of 6"
            # Nothing is answered before both have been heard to their end.
            assert page.is_disabled("[data-answer='1']")
            page.keyboard.press("5")
            assert page.inner_text("#place") == f"Pair {number + 1} of 6"
            page.click("#play0") if number % 2 else page.keyboard.press("a")
            page.wait_for_function("heard[0] > 0")
            assert page.is_disabled("[data-answer='1']")
            page.click("#play1") if number % 2 else page.keyboard.press("b")
            page.wait_for_function("heard[1] > 0")
            if number == 2:
                # A listener who closes the page goes on where he was.
                page.reload()
                page.click("#begin")
                for side in (0, 1):
                    page.click(f"#play{side}")
                    page.wait_for_function(f"heard[{side}] > 0")
            page.click("[data-answer='1']") if number % 2 else page.keyboard.press("1")
        assert "Thank you" in page.inner_text("#thanks")
        with page.expect_download() as download:
            page.click("#download")
        answers = tmp_path / "answers.json"
        download.value.save_as(answers)
        assert page.inner_text("#trouble") == "" and not troubles
        chromium.close()
    told = json.loads(answers.read_text())
    assert [item["answer"] for item in told["answers"]] == [-2, 1] * 3
    assert sorted(item["pair"] for item in told["answers"]) == list(range(6))
    assert len(ranking.read(key, [answers])) == 6
    assert "6 answers of 1 listener." in ranking.markdown(ranking.read(key, [answers]))


def drawn(truth: dict[str, float], listeners: int, times: int, seed: int = 1) -> list[Answer]:
    """Answers of listeners who prefer by strengths `truth` (logarithms)."""
    random = np.random.default_rng(seed)
    pairs = list(itertools.permutations(truth, 2)) * times
    return [
        Answer(str(listener), one, other, 1 if random.random() < 1.0 / (1.0 + np.exp(truth[one] - truth[other])) else -1)
        for listener in range(listeners) for one, other in pairs
    ]


def test_the_ranking_finds_the_strengths_that_answers_were_drawn_from() -> None:
    truth = {"real": 1.5, "if": 0.2, "phase": -0.5, "wavegan": -1.2}
    answers = drawn(truth, listeners=20, times=5)
    rows = list(truth)
    found, ends = ranking.strengths(answers, rows), ranking.intervals(answers, rows, draws=200)
    assert found == pytest.approx(list(truth.values()), abs=0.25)
    assert (ends[:, 0] < found).all() and (found < ends[:, 1]).all()
    assert (ends[:, 1] - ends[:, 0] < 0.8).all()
    tests = {(one, other): (mean, p) for one, other, _, mean, p in ranking.comparisons(answers, rows)}
    assert all(mean < 0.0 and p < 0.05 for mean, p in tests.values())
    lines = ranking.markdown(answers).splitlines()
    assert [line.split("|")[1].strip() for line in lines[4:8]] == ["Real data", "IF", "Phase", "WaveGAN"]


def test_no_difference_makes_no_difference() -> None:
    answers = [Answer("one", one, other, 0) for one, other in itertools.permutations(("if", "phase", "real"), 2)]
    assert ranking.strengths(answers, ["if", "phase", "real"]) == pytest.approx([0.0] * 3)
    assert all(p == 1.0 for *_, p in ranking.comparisons(answers, ["if", "phase", "real"]))


def test_a_row_that_always_wins_has_a_finite_strength() -> None:
    answers = [Answer("one", "real", "phase", -2)] * 10
    assert 1.0 < ranking.strengths(answers, ["real", "phase"])[0] < 5.0


def write_answers(path: Path, test: str, listener: str, answers: list) -> Path:
    path.write_text(json.dumps({"test": test, "listener": listener, "answers": answers}))
    return path


def test_files_are_checked_and_counted_once(notes: Path, tmp_path: Path) -> None:
    key = listening.make(notes, tmp_path / "listen.html", 6, seed=1)
    test = json.loads(key.read_text())["test"]
    first = write_answers(tmp_path / "a.json", test, "x", [{"pair": 0, "answer": 2}])
    again = write_answers(tmp_path / "b.json", test, "x", [{"pair": 0, "answer": 2}, {"pair": 1, "answer": 0}])
    other = write_answers(tmp_path / "c.json", test, "y", [{"pair": 0, "answer": -1}])
    assert len(ranking.read(key, [first, again, other])) == 3
    assert "3 answers of 2 listeners." in ranking.markdown(ranking.read(key, [first, again, other]))
    with pytest.raises(TrainingError, match="no answers to the test"):
        ranking.read(key, [write_answers(tmp_path / "d.json", "another", "x", [])])
    for wrong in ({"pair": 6, "answer": 0}, {"pair": 0, "answer": 3}, {"pair": 0, "answer": True}, 7):
        with pytest.raises(TrainingError, match="cannot have given"):
            ranking.read(key, [write_answers(tmp_path / "d.json", test, "x", [wrong])])


def test_nothing_is_reported_before_anyone_has_listened(
    notes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    page = tmp_path / "listen.html"
    monkeypatch.setattr(sys, "argv", ["listen", "page", str(notes), "--out", str(page), "--pairs", "4"])
    listen.main()
    assert "No one has listened yet" in capsys.readouterr().out
    monkeypatch.setattr(sys, "argv", ["listen", "rank", str(tmp_path / "listen.key.json")])
    with pytest.raises(TrainingError, match="No one has listened yet"):
        listen.main()
