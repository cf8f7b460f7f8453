"""`evalkit tables`, and --table from a folder of sounds to the table for the paper."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from safetensors.torch import save_file
from typer.testing import CliRunner

from evalkit.cli.main import build
from evalkit.core.errors import UserError
from evalkit.fetch.weights import MINI_FOLDER
from evalkit.nets.cnn14 import Cnn14, Cnn14Config, initialise
from evalkit.nets.passt import PaSST, PaSSTConfig
from evalkit.nets.vggish import VGGish, VGGishConfig
from evalkit.originals.seeded.msclap import SMALL, write_msclap
from evalkit.originals.seeded.torch_files import write_gpt2_tokenizer
from evalkit.protocols.base import protocol_names


def told(*words: str) -> str:
    done = CliRunner().invoke(build(("tables", "score", "report")), list(words), catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


def test_every_table_is_listed_and_can_be_shown() -> None:
    listed = told("tables")
    for name in protocol_names():
        assert name in listed
        shown = json.loads(told("tables", name, "--json"))
        assert shown["name"] == name and shown["columns"]
    assert "75.1" in told("tables", "tangoflux") and "PROVISIONAL" in told("tables", "tangoflux")
    with pytest.raises(UserError, match="no table"):
        told("tables", "tangoflix")


def weights(folder: Path) -> dict[str, Path]:
    """Small networks of the judges of av-benchmark: three in evalkit's own layout, a mini, Microsoft's format."""
    torch.manual_seed(4)
    passt, panns = PaSSTConfig(embed=8, depth=1, heads=2), Cnn14Config(width=1)
    vggish = VGGishConfig(width=2, hidden=4, features=4)
    found = {}
    for name, net, config in (
        ("passt", PaSST(passt), passt), ("panns", Cnn14(panns), panns), ("vggish", VGGish(vggish), vggish)
    ):  # fmt: skip
        if isinstance(net, Cnn14):
            initialise(net)
        (folder / name).mkdir(parents=True)
        tensors = {key: each.contiguous() for key, each in net.state_dict().items()}
        save_file(tensors, folder / name / "model.safetensors")
        (folder / name / "config.json").write_text(json.dumps(asdict(config)))
        found[name] = folder / name
    write_msclap(folder / "CLAP_weights_2023.pth", SMALL)
    write_gpt2_tokenizer(folder / "gpt2")
    return {**found, "clap": MINI_FOLDER / "clap-mini", "msclap-2023": folder / "CLAP_weights_2023.pth"}


def sounds(folder: Path, seed: int) -> Path:
    folder.mkdir()
    for number, name in enumerate("abcdefghij"):
        samples = np.random.default_rng([seed, number]).normal(0, 0.1, 12000).cumsum() / 10
        soundfile.write(folder / f"{name}.wav", samples - samples.mean(), 8000)
    return folder


def test_a_folder_of_sounds_becomes_a_papers_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the paper's toolkit, and without any judge that is not the table's."""
    monkeypatch.setenv("EVALKIT_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    prompts = tmp_path / "p.csv"
    prompts.write_text("id,caption\n" + "".join(f"{name},rain\n" for name in "abcdefghij"))
    given = [f"--weights={name}={path}" for name, path in weights(tmp_path / "w").items()]
    folders = [str(sounds(tmp_path / name, seed)) for seed, name in enumerate(("one", "gt"))]
    about = ["--prompts", str(prompts), "--reference", folders[1], "--no-report", "--out", str(tmp_path / "run")]
    told("score", folders[0], "--table", "av-benchmark", *about, *given)
    table = told("report", str(tmp_path / "run"), "--table", "av-benchmark", "--format", "md").splitlines()
    head = next(line for line in table if line.startswith("| run"))
    wanted = ["FD-VGG", "FD-PANN", "FD-PASST", "KL-PANNS-softmax", "KL-PASST-softmax", "ISC-PANNS-mean"]
    wanted += ["ISC-PASST-mean", "LAION-CLAP-Score", "MS-CLAP-Score"]
    assert [cell.split()[0] for cell in head.split(" | ")[1:]] == wanted
    assert any("MS-CLAP-Score is of one draw of 7 s" in line for line in table), "what differs stands beside the table"
    scores = json.loads((tmp_path / "run" / "scores.json").read_text())
    assert scores["kl_passt"]["protocol"].startswith("av-benchmark-1; direction=reference||generated; epsilon=0")
    assert all(score["value"] is not None for score in scores.values()) and scores["fd_panns"]["n_reference"] == 10
    with pytest.raises(UserError, match="was scored by table av-benchmark"):
        told("report", str(tmp_path / "run"), "--table", "meanaudio", "--format", "md")
