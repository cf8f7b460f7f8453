"""Sounds as people's encoders leave them, to a file and by a pipe, are whole: counted against FFmpeg's own decoding.

lame, sox, opus-tools, vorbis-tools, flac and ffmpeg are Debian packages; a way whose program is absent is skipped.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import soundfile

from evalkit.audio.decode import UnreadableAudio, decode
from evalkit.audio.folders import sound_files
from evalkit.audio.verdicts import inspect

RATE = 44100

WAYS = {
    "lame -V": ("lame --quiet -V 4 {wav} {out}", "lame --quiet -V 4 - - < {wav}", ".mp3"),
    "lame -V -t": ("lame --quiet -t -V 6 {wav} {out}", "lame --quiet -t -V 6 - - < {wav}", ".mp3"),
    "lame -b": ("lame --quiet -b 96 {wav} {out}", "lame --quiet -b 96 - - < {wav}", ".mp3"),
    "sox mp3": ("sox {wav} -C 64 {out}", "sox {wav} -C -4.2 -t mp3 -", ".mp3"),
    "ffmpeg mp3": ("{ff} -write_xing 0 {out}", "{ff} -q:a 5 -f mp3 -", ".mp3"),
    "ffmpeg aac": ("{ff} {out}", "{ff} -f adts -", ".aac"),
    "ffmpeg m4a": ("{ff} {out}", "{ff} -f mp4 -movflags frag_keyframe+empty_moov -", ".m4a"),
    "ffmpeg webm": ("{ff} -c:a libopus {out}", "{ff} -c:a libopus -f webm -", ".webm"),
    "ffmpeg wav": ("{ff} {out}", "{ff} -f wav -", ".wav"),
    "ffmpeg flac": ("{ff} {out}", "{ff} -f flac -", ".flac"),
    "flac": ("flac -s {wav} -o {out}", "flac -s - < {wav}", ".flac"),
    "flac --ogg": ("flac -s --ogg {wav} -o {out}", "flac -s --ogg - < {wav}", ".oga"),
    "oggenc": ("oggenc -Q {wav} -o {out}", "oggenc -Q - < {wav}", ".ogg"),
    "opusenc": ("opusenc --quiet {wav} {out}", "opusenc --quiet - - < {wav}", ".opus"),
    "sox wav": ("sox {wav} {out}", "sox {wav} -t wav -", ".wav"),
    "sox flac": ("sox {wav} {out}", "sox {wav} -t flac -", ".flac"),
    "sox aiff": ("sox {wav} {out}", "sox {wav} -t aiff -", ".aiff"),
    "sox w64": ("sox {wav} {out}", "", ".w64"),
    "sox caf": ("sox {wav} {out}", "{ff} -f caf -", ".caf"),
    "sox au": ("sox {wav} {out}", "sox {wav} -t au -", ".au"),
}
"""Name -> the command to a file, the one into a pipe ("" where what it leaves is read by nobody), the file's suffix."""


def need(*programs: str) -> None:
    for program in programs:
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed (a Debian package)")


def shell(command: str, **names: object) -> None:
    subprocess.run(["bash", "-c", "set -o pipefail; " + command.format(**names)], check=True, stderr=subprocess.PIPE)


def encoded(way: str, wav: Path, out: Path, pipe: bool) -> Path:
    """`wav` through one encoder; a pipe is a real one, in which nobody can go back."""
    to_file, to_pipe, suffix = WAYS[way]
    if pipe and not to_pipe:
        pytest.skip(f"{way} leaves a header into a pipe that no program reads")
    need(to_file.split()[0].replace("{ff}", "ffmpeg"))
    path = out / f"{wav.stem}{suffix}"
    command = f"{to_pipe} | cat > {{out}}" if pipe else to_file
    shell(command, wav=wav, out=path, ff=f"ffmpeg -v error -y -i {wav}")
    return path


def samples_by_ffmpeg(path: Path) -> int:
    """How many samples per channel the program `ffmpeg` decodes, at the file's own rate."""
    need("ffmpeg")
    command = ["ffmpeg", "-v", "quiet", "-i", str(path), "-ac", "1", "-f", "s16le", "-"]
    return len(subprocess.run(command, check=True, capture_output=True).stdout) // 2


@pytest.fixture(scope="module")
def second(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """1.3 s, near silence and then noise, which a guess from the first frame's bit rate gets wrong."""
    rng = np.random.default_rng(3)
    sound = rng.standard_normal(round(1.3 * RATE)) * np.where(np.arange(round(1.3 * RATE)) < RATE, 1e-4, 0.2)
    path = tmp_path_factory.mktemp("second") / "second.wav"
    soundfile.write(path, sound, RATE, subtype="PCM_16")
    return path


@pytest.mark.parametrize("pipe", [False, True], ids=["file", "pipe"])
@pytest.mark.parametrize("way", WAYS)
def test_every_encoders_file_is_read_whole(way: str, pipe: bool, second: Path, tmp_path: Path) -> None:
    """MP3s of sox and LAME's pipes were refused, or cut to a fifth and scored."""
    path = encoded(way, second, tmp_path, pipe)
    clip = decode(path)
    assert clip.samples.shape[1] == samples_by_ffmpeg(path)
    assert clip.seconds == pytest.approx(1.3, abs=0.06)
    assert np.abs(clip.samples[:, -RATE // 8 :]).max() > 0.1
    assert sound_files(tmp_path) == [path]


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("pipe", [False, True], ids=["file", "pipe"])
@pytest.mark.parametrize("way", WAYS)
def test_forty_recordings_through_every_encoder(way: str, pipe: bool, esc10: Path, tmp_path: Path) -> None:
    cut = []
    for source in sorted(esc10.glob("*/*.ogg"))[::8][:40]:
        samples, rate = soundfile.read(source)
        wav = tmp_path / f"{source.stem}.wav"
        soundfile.write(wav, samples, rate, subtype="PCM_16")
        (tmp_path / "out").mkdir(exist_ok=True)
        path = encoded(way, wav, tmp_path / "out", pipe)
        found, expected = decode(path).samples.shape[1], samples_by_ffmpeg(path)
        if not 0 <= found - expected <= 128:  # FFmpeg leaves out a first block of some Vorbis files
            cut.append((source.name, found, expected))
        path.unlink()
    assert cut == []


@pytest.mark.parametrize(
    "way", ["lame -V", "oggenc", "opusenc", "flac", "flac --ogg", "ffmpeg aac", "sox wav", "sox au"]
)
def test_joined_files_are_read_to_the_end_of_the_last(way: str, second: Path, tmp_path: Path) -> None:
    """`cat a b` is how people join streams; what comes after the first was left out in silence."""
    one = encoded(way, second, tmp_path, pipe=False)
    alone = decode(one).samples.shape[1]
    both = tmp_path / f"both{one.suffix}"
    both.write_bytes(one.read_bytes() * 2)
    assert 2 * alone <= decode(both).samples.shape[1] <= 2 * alone + 3000, (
        "MP3 keeps what LAME put in front of the second"
    )


@pytest.mark.parametrize("pipe", [False, True], ids=["file", "pipe"])
@pytest.mark.parametrize("way", WAYS)
def test_what_is_cut_is_truncated_or_said_to_be_open(way: str, pipe: bool, second: Path, tmp_path: Path) -> None:
    """A file that was half copied must not be scored as a short sound without a word."""
    path = encoded(way, second, tmp_path, pipe)
    data = path.read_bytes()
    for share in (0.3, 0.6, 0.95):
        path.write_bytes(data[: int(share * len(data))])
        try:
            assert "open_end" in decode(path).notes
        except UnreadableAudio as error:
            assert error.verdict in ("truncated", "unreadable")


@pytest.mark.parametrize("rate", [8000, 16000, 24000, 32000, 44100, 48000])
def test_opus_is_decoded_at_its_own_rate(rate: int, tmp_path: Path) -> None:
    """A header that remembers 32 kHz was decoded at 24 kHz, and lost the band above 12."""
    need("opusenc")
    wav, path = tmp_path / "in.wav", tmp_path / "clip.opus"
    soundfile.write(wav, 0.1 * np.random.default_rng(0).standard_normal(rate), rate)
    shell("opusenc --quiet --bitrate 128 {wav} {out}", wav=wav, out=path)
    clip = decode(path)
    assert (clip.rate, clip.samples.shape[1]) == (48000, pytest.approx(48000, abs=48))
    power = np.square(np.abs(np.fft.rfft(clip.samples[0])))
    assert (power[12000:16000].sum() > 0.01 * power.sum()) == (rate >= 32000)


@pytest.mark.parametrize(
    ("suffix", "codec"),
    [
        (".wav", "-c:a pcm_s24le"),
        (".flac", "-c:a flac"),
        (".ogg", "-c:a libvorbis -q:a 9"),
        (".opus", "-c:a libopus -b:a 512k"),
        (".webm", "-c:a libopus -b:a 512k"),
        (".m4a", "-c:a aac -b:a 512k"),
    ],
)
def test_surround_keeps_its_channels_in_one_order(suffix: str, codec: str, tmp_path: Path) -> None:
    """Vorbis stores 5.1 in another order than WAV; the centre must not be taken for the right."""
    need("ffmpeg")
    levels = 0.12 * 0.6 ** np.arange(6)
    sound = np.random.default_rng(1).standard_normal((48000, 6)) * levels
    wav, path = tmp_path / "in.wav", tmp_path / f"clip{suffix}"
    soundfile.write(wav, sound, 48000, subtype="PCM_16")
    layout = "-af channelmap=channel_layout=5.1"
    shell("ffmpeg -v error -y -i {wav} {layout} {codec} {out}", wav=wav, out=path, layout=layout, codec=codec)
    clip = decode(path)
    heard = np.sqrt(np.square(clip.samples).mean(axis=1))
    places = [0, 1, 2, 4, 5]  # the low-frequency channel loses all but its low frequencies
    np.testing.assert_allclose(heard[places], levels[places], rtol=0.2)
    assert "surround" in inspect(clip)
