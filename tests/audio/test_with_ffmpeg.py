"""What FFmpeg is let do with a file from outside, and that its samples are those of the file."""

from __future__ import annotations

import io
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import fuzz_sounds
import numpy as np
import pytest
import soundfile

from evalkit.audio import decoded
from evalkit.audio.decoded import Undecodable
from evalkit.audio.with_ffmpeg import read

SOUND = np.random.default_rng(0).uniform(-0.9, 0.9, (4000, 2))


@pytest.mark.parametrize(
    ("form", "subtype"),
    [
        *(("WAV", name) for name in ("PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ULAW", "ALAW")),
        *(("FLAC", name) for name in ("PCM_S8", "PCM_16", "PCM_24")),
    ],
)
def test_samples_are_libsndfiles_to_the_bit(form: str, subtype: str) -> None:
    """Which library reads a file must not be heard."""
    with io.BytesIO() as file:
        soundfile.write(file, SOUND, 16000, format=form, subtype=subtype)
        data = file.getvalue()
    expected, _ = soundfile.read(io.BytesIO(data), dtype="float32", always_2d=True)
    np.testing.assert_array_equal(read(data).samples, expected.T)


def test_a_list_of_addresses_opens_nothing(tmp_path: Path) -> None:
    """FFmpeg follows playlists to files and servers: a stranger's clip.mp3 would read this machine's files."""
    asked: list[str] = []

    class Server(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_error(404)

    secret = tmp_path / "secret.wav"
    soundfile.write(secret, SOUND, 16000)
    with HTTPServer(("127.0.0.1", 0), Server) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        for place in (f"http://127.0.0.1:{server.server_port}/x", str(secret), secret.as_uri()):
            for text in (
                f"#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\n{place}\n#EXT-X-ENDLIST\n",
                f"ffconcat version 1.0\nfile '{place}'\n",
                f"[playlist]\nFile1={place}\n",
                f'<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static"><Period><AdaptationSet '
                f'mimeType="audio/mp4"><Representation id="1" bandwidth="1"><BaseURL>{place}</BaseURL></Representation>'
                f"</AdaptationSet></Period></MPD>",
                "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio 5004 RTP/AVP 0\n",
            ):
                with pytest.raises(Undecodable):
                    read(text.encode())
        server.shutdown()
    assert asked == []


@pytest.mark.parametrize("channels", [8, 31])
def test_eight_channels_and_more_are_refused(channels: int) -> None:
    """PyAV reads beyond the list of their places, and the process dies (case 18791 of the fuzz session, AAC)."""
    with io.BytesIO() as file:
        soundfile.write(file, np.zeros((1000, channels)), 16000, format="WAV", subtype="FLOAT")
        with pytest.raises(Undecodable, match=f"{channels} channels"):
            read(file.getvalue())


def test_a_damaged_frame_of_flac_is_a_hole() -> None:
    """FFmpeg looks at checksums only when asked, and passes over the frame."""
    with io.BytesIO() as file:
        soundfile.write(file, SOUND[:, 0].repeat(20), 16000, format="FLAC")
        data = bytearray(file.getvalue())
    data[len(data) // 2] ^= 0x55
    with pytest.raises(Undecodable) as caught:
        read(bytes(data))
    assert caught.value.verdict == "truncated"


def test_tags_around_an_mp3_are_no_sound_and_a_lost_frame_is_a_hole() -> None:
    data = fuzz_sounds.whole()["mp3"]
    frames = read(data).samples.shape[1]
    for around in (data + b"TAG" + bytes(125), bytes(1000) + data, data + bytes(1000), data + b"APETAGEX" + bytes(200)):
        assert read(around).samples.shape[1] >= frames
    middle = len(data) // 2
    with pytest.raises(Undecodable) as caught:
        read(data[:middle] + bytes(900) + data[middle:])
    assert caught.value.verdict == "truncated"


@pytest.mark.parametrize("form", ["FLAC", "WAV"])
def test_what_unpacks_to_more_than_its_bytes_can_hold_is_refused(form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """FLAC keeps an hour of silence in a few hundred kilobytes; a longer file fills the memory of a machine."""
    monkeypatch.setattr(decoded, "FREE_VALUES", 1 << 16)
    with io.BytesIO() as file:
        soundfile.write(file, np.zeros(1 << 22, np.int16), 48000, format=form, subtype="PCM_16")
        data = file.getvalue()
    if form == "WAV":
        assert read(data).samples.shape[1] == 1 << 22
    else:
        with pytest.raises(decoded.Undecodable, match="more than"):
            read(data)
