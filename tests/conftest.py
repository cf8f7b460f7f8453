"""What every test may ask for."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable, Generator
from pathlib import Path

import pytest
from hypothesis import settings

# A busy disk makes an example slow without making it wrong.
settings.register_profile("evalkit", deadline=None)
settings.load_profile("evalkit")

pytest_plugins = ("evalkit_pages", "evalkit_ramps")

REPOSITORY = Path(__file__).resolve().parent.parent


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Ten thousand tests are read without looking for garbage among them, then or later."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
        gc.collect()
        gc.freeze()


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    """What a file of tests leaves behind, libraries above all, stays too: each run gives memory back by looking through
    all that is not set aside (`gc.collect`), which would be most of a short one's work."""
    if nextitem is None or nextitem.path != item.path:
        gc.collect()
        gc.freeze()


@pytest.fixture(autouse=True)
def _nothing_from_outside(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """No test reads or writes the user's own evalkit folder, or looks for a model hub."""
    monkeypatch.setenv("EVALKIT_HOME", str(tmp_path_factory.getbasetemp() / "evalkit-home"))
    monkeypatch.setenv("EVALKIT_OFFLINE", "1")
    # A test that makes sounds twice means to compare them: `tests/run/test_earlier.py` is what may find them again.
    monkeypatch.setenv("EVALKIT_ANEW", "1")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("TRANSFORMERS_OFFLINE", "1")
    # huggingface_hub reads these once, at import; a process that a test starts reads them anew.
    monkeypatch.setenv("HF_HOME", str(tmp_path_factory.getbasetemp() / "hf-home"))
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path_factory.getbasetemp() / "hf-home" / "hub"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", os.environ["HF_HUB_CACHE"])


@pytest.fixture
def evalkit(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> Callable[..., tuple[int, str, str]]:
    """`evalkit(*arguments)` -> (exit code, stdout, stderr): the command line in tmp_path, EVALKIT_HOME at `home`."""
    from evalkit.cli.main import main

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EVALKIT_HOME", str(tmp_path / "home"))

    def call(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["evalkit", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = capsys.readouterr()
        return int(ended.value.code or 0), out, err

    return call


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root of the checkout that the tests are in."""
    return REPOSITORY


@pytest.fixture(scope="session")
def esc10() -> Path:
    """The folder of ESC-10 recordings, from EVALKIT_TEST_DATA or beside the checkout; skips where absent."""
    folder = Path(os.environ.get("EVALKIT_TEST_DATA", REPOSITORY.parent / "shared" / "data" / "esc10"))
    if not (folder / "clips.csv").is_file():
        pytest.skip(f"no ESC-10 recordings at {folder} (set EVALKIT_TEST_DATA)")
    return folder


@pytest.fixture(scope="session")
def stable_audio_metrics() -> Path:
    """The folder `load/` of stable-audio-metrics at fd55536 (as far as it is here), beside the ESC-10 recordings
    or from EVALKIT_TEST_SAM; skips where absent."""
    data = Path(os.environ.get("EVALKIT_TEST_DATA", REPOSITORY.parent / "shared" / "data" / "esc10")).parent
    folder = Path(os.environ.get("EVALKIT_TEST_SAM", data / "stable-audio-metrics")) / "load"
    if not (folder / "audiocaps-test.csv").is_file():
        pytest.skip(f"no prompt files of stable-audio-metrics at {folder} (set EVALKIT_TEST_SAM)")
    return folder
