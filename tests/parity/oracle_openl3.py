"""What OpenL3 0.4.2 itself says: run in an environment of its own by `nox -s parity`.

The chain is stable-audio-metrics' (fd55536, src/openl3_fd.py, batched path) step by step, in
evalkit/originals/openl3/original.py, whose requirements.txt is the environment. The weights are the seeded ones of
evalkit/originals/seeded/openl3.py. Writes the small golden files that the tests read, and with --full an .npz of every
frame for measure_openl3.py.

    python oracle_openl3.py --source DIR [--data ESC10] [--full FILE]

`--source` is openl3's unpacked source distribution.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

import h5py
import numpy as np
import openl3_cases as cases

from evalkit.originals.openl3.original import RATE, embed, exact_distance, load_clip, upstream_distance
from evalkit.originals.seeded import openl3 as openl3_seeded

HERE = Path(__file__).parent
GOLDEN = HERE / "golden"
NETWORK = ("real-stereo-16000-1.400", "noise-mono-44100-1.400")
"""Cases whose first window the golden file holds whole, decibels and features, for the network alone."""


def front_model(model):
    """The part of the Keras model from samples to decibels, (1, 48000) to (256, 199, 1)."""
    (melspectrogram,) = (layer for layer in model.layers if layer.name.startswith("melspectrogram"))
    return melspectrogram


def decibels(audio: np.ndarray, front) -> np.ndarray:
    """(frames, 256, 199) of the first channel."""
    import openl3

    side = audio[:, 0] if audio.ndim == 2 else audio
    windows = openl3.preprocess_audio(side, RATE, hop_size=0.5)
    return front.predict(windows, batch_size=4, verbose=0)[..., 0]


def check_layout(network, weights: Path, folder: Path) -> None:
    """Keras must write what it has read from the seeded file back in the same layout, array for array."""
    own = folder / "keras.h5"
    network.save_weights(own)
    with h5py.File(own) as keras, h5py.File(weights) as ours:
        listed = [
            [(name, file[name]) for name in file.attrs["layer_names"] if len(file[name].attrs["weight_names"])]
            for file in (keras, ours)
        ]
        for (name, group), (our_name, our_group) in zip(*listed, strict=True):
            kind, our_kind = (text.rstrip("_0123456789") for text in (name, our_name))
            assert kind == our_kind, (name, our_name)
            pairs = zip(group.attrs["weight_names"], our_group.attrs["weight_names"], strict=True)
            for weight, our_weight in pairs:
                assert weight.split("/")[1] == our_weight.split("/")[1], (weight, our_weight)
                assert np.array_equal(group[weight], our_group[our_weight]), weight


def write_small_file(models) -> None:
    """The network at 1/32 of its width, saved by Keras itself: a file that no code of evalkit has touched."""
    network = models._construct_mel256_audio_network(include_frontend=False)
    config = network.get_config()
    for layer in config["layers"]:
        if "filters" in layer["config"]:
            layer["config"]["filters"] //= 32
    small = type(network).from_config(config)
    rng = np.random.default_rng(0)
    small.set_weights([rng.uniform(0.5, 1.5, array.shape) for array in small.get_weights()])
    small.save_weights(GOLDEN / "openl3_small_by_keras.h5")
    np.savez_compressed(GOLDEN / "openl3_small_by_keras.npz", *small.get_weights())


def sounds(data: Path | None) -> dict[str, tuple[np.ndarray, int]]:
    """name -> (samples, rate) of every case."""
    found = {case.name: (cases.seeded(case), case.rate) for case in cases.SEEDED}
    if data is not None:
        found |= {case.name: (cases.real(case, data), case.rate) for case in cases.REAL}
    return found


def distances(sets: dict[str, tuple[list[np.ndarray], list[np.ndarray]]]) -> dict[str, np.ndarray]:
    found = {}
    for name, (generated, reference) in sets.items():
        found[f"{name}/exact"] = np.array(exact_distance(generated, reference))
        found[f"{name}/sqrtm"] = np.array(upstream_distance(generated, reference))
        print(name, found[f"{name}/exact"], found[f"{name}/sqrtm"], flush=True)
    return found


def collect(models, weights: Path, data: Path | None, folder: Path) -> tuple[dict, dict]:
    """What the golden file holds, and every frame."""
    model = models.load_audio_embedding_model_from_path(str(weights), "mel256", 512)
    front = front_model(model)
    golden, full = {}, {}
    for name, (samples, rate) in sounds(data).items():
        audio = load_clip(cases.write(samples, rate, folder / f"{name}.wav"))
        rows, spectra = embed(audio, model), decibels(audio, front)
        kept = cases.kept(len(rows))
        full[f"{name}/rows"], full[f"{name}/decibels"] = rows, spectra
        golden[f"{name}/frames"] = np.array(len(rows))
        golden[f"{name}/rows"] = rows[kept] if np.ptp(rows[:, :512] - rows[:, 512:]) else rows[kept, :512]
        golden[f"{name}/decibels"] = spectra[kept[len(kept) // 2], ::8, ::8]
        print(name, rows.shape, f"{rows.std():.3f}", flush=True)
    sets = {"seeded": tuple([full[f"{c.name}/rows"] for c in side] for side in (cases.GENERATED, cases.REFERENCE))}
    if data is not None:
        sets["real"] = tuple(
            [embed(load_clip(cases.write(clip, RATE, folder / "clip.wav")), model) for clip in clips]
            for clips in cases.real_sets(data)
        )
    sets["numpy 2"] = tuple(
        [embed(load_clip(folder / f"{case.name}.wav", np.float64), model) for case in side]
        for side in (cases.GENERATED, cases.REFERENCE)
    )
    golden |= distances(sets)
    for name in NETWORK:
        if f"{name}/rows" in full:
            golden[f"network/{name}/decibels"] = full[f"{name}/decibels"][:1]
            golden[f"network/{name}/rows"] = full[f"{name}/rows"][:1, :512]
    silent = load_clip(cases.write(cases.seeded(cases.SILENT), cases.SILENT.rate, folder / "silent.wav"))
    golden["silent/is-nan"] = np.array(bool(np.isnan(embed(silent, model)).all()))
    return golden, full


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--source", type=Path, required=True, help="openl3 0.4.2, unpacked")
    parser.add_argument("--data", type=Path, help="the ESC-10 recordings")
    parser.add_argument("--full", type=Path, help="where every frame goes (not for committing)")
    options = parser.parse_args()
    sys.path.insert(0, str(options.source))
    from openl3 import models

    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        weights = openl3_seeded.save(folder / "openl3_audio_mel256_env.h5")
        network = models._construct_mel256_audio_network()
        network.load_weights(weights)
        check_layout(network, weights, folder)
        write_small_file(models)
        golden, full = collect(models, weights, options.data, folder)
    np.savez_compressed(GOLDEN / "openl3.npz", **golden)
    if options.full:
        np.savez(options.full, **full, **{name: golden[name] for name in golden if name not in full})


if __name__ == "__main__":
    main()
