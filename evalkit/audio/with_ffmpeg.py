"""Everything else by FFmpeg, from memory: MP3, Opus, AAC, Ogg-FLAC, Wave64, CAF, AU, WebM, WMA, AMR, WavPack.

FFmpeg can do far more than that, and files come from outside. Only the containers and codecs below are opened; no
protocol is, so a list of addresses by the name of a sound opens nothing; pictures and films are passed over. It is
silent, and what it says about a file comes back as a reason.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from evalkit.audio.clip import Samples
from evalkit.audio.containers.mpeg import frame_bytes
from evalkit.audio.containers.tags import BEHIND
from evalkit.audio.decoded import RAILS, WIDE, Decoded, Undecodable, check_rate, most_values
from evalkit.core.interrupts import held

if TYPE_CHECKING:
    import av
    from av.container import InputContainer

CONTAINERS = (
    *("aac", "aiff", "amr", "asf", "au", "caf", "flac", "matroska", "webm", "mov", "mp4", "m4a", "3gp", "3g2", "mj2"),
    *("mp3", "ogg", "w64", "wav", "wv"),
)
CODECS = (
    *("aac", "aac_latm", "ac3", "alac", "amrnb", "amrwb", "eac3", "flac", "gsm", "gsm_ms", "mp1", "mp1float", "mp2"),
    *("mp2float", "mp3", "mp3float", "opus", "libopus", "speex", "vorbis", "wavpack", "wmapro", "wmav1", "wmav2"),
    *("adpcm_ima_qt", "adpcm_ima_wav", "adpcm_ms", "pcm_alaw", "pcm_mulaw", "pcm_u8", "pcm_s8", "pcm_s8_planar"),
    *(f"pcm_{kind}{order}" for kind in ("s16", "s24", "s32", "s64", "f32", "f64") for order in ("le", "be")),
)
_OPTIONS = {"format_whitelist": ",".join(CONTAINERS), "codec_whitelist": ",".join(CODECS), "protocol_whitelist": "none"}
_KINDS = {"pcm_u8": "8-bit", "pcm_s8": "8-bit", "pcm_s8_planar": "8-bit", "pcm_mulaw": "mu-law", "pcm_alaw": "A-law"}
_CHECKED = frozenset({"flac", "wavpack"})
"""Codecs whose frames have a checksum that FFmpeg looks at only when asked."""

_FRAMED = frozenset({"mp3", "aac"})
_HOLE, _NO_FRAME = "there is a hole", "no frame"
_SLACK_SECONDS = 0.1
"""By how much a file may fall short of its container's own duration, which counts what encoders add."""

_MOST_CHANNELS = 7
"""FFmpeg keeps eight channels in a list without an end, and PyAV 18.1 looks for one: it would read foreign memory."""


def reader() -> str:
    """The name and version that a record has."""
    import av

    return "ffmpeg (libavcodec " + ".".join(str(number) for number in av.library_versions["libavcodec"]) + ")"


def read(data: bytes) -> Decoded:
    """Decode the (best) sound of one part to its end. Raises Undecodable."""
    import av

    try:
        with held():
            opened = av.open(io.BytesIO(data), mode="r", options=_OPTIONS, metadata_errors="replace")
        with opened as container:
            return _read(container, most_values(len(data)))
    except (av.FFmpegError, ValueError, OSError, ArithmeticError, LookupError, RuntimeError) as error:
        raise Undecodable(f"not readable as sound: {getattr(error, 'strerror', None) or error}") from None


def _read(container: InputContainer, most: int) -> Decoded:
    import av

    stream = container.streams.best("audio")
    if not isinstance(stream, av.AudioStream):
        raise Undecodable("holds no sound")
    codec = getattr(stream.codec_context, "name", "")  # there is no context for what no decoder is known for
    if not codec:
        raise Undecodable("holds sound of a kind that evalkit does not read")
    if codec in _CHECKED:
        stream.codec_context.options = {"err_detect": "crccheck+explode"}
    blocks: list[Samples] = []
    shape: tuple[int, int] | None = None
    count = 0
    for frame in _frames(container, stream):
        found = frame.sample_rate, frame.layout.nb_channels
        if shape is None:
            _check(*found)
            shape = found
        if found != shape:
            raise Undecodable(f"changes from {shape[0]} Hz in {shape[1]} channels to {found[0]} in {found[1]}")
        blocks.append(_as_float(frame))
        count += frame.samples
        if count * shape[1] > most:
            raise Undecodable(f"more than {most} samples")
    if shape is None:
        raise Undecodable("not one sample can be decoded", "truncated")
    _check_length(container, stream, count / shape[0])
    rails = RAILS.get(_KINDS.get(codec, ""), WIDE)
    return Decoded(np.ascontiguousarray(np.concatenate(blocks, axis=1)), shape[0], rails, reader())


def _check(rate: int, channels: int) -> None:
    check_rate(rate)
    if not 1 <= channels <= _MOST_CHANNELS:
        raise Undecodable(f"has {channels} channels; at most {_MOST_CHANNELS} are read")


def _frames(container: InputContainer, stream: av.AudioStream) -> Iterator[av.AudioFrame]:
    """Every frame. FFmpeg itself goes on behind what it cannot decode; here that is a hole, and truncated."""
    import av

    framed, numbered = container.format.name in _FRAMED, container.format.name == "flac"
    count, fault, start = 0, "", None
    for packet in _packets(container, stream):
        if numbered and packet.pts is not None and packet.time_base is not None:
            place = round(packet.pts * packet.time_base * stream.rate)
            start = place if start is None else start
            fault = _HOLE if place - start > count else ""
        found = _fault_of(bytes(packet)) if framed and packet.size else ""
        if found == _NO_FRAME:
            fault = fault or (_HOLE if count and not bytes(packet).startswith(BEHIND) else "")
            continue
        if fault and packet.size:
            raise Undecodable(f"{fault} after {count} samples", "truncated")
        fault = found
        try:
            for frame in packet.decode():
                count += frame.samples
                yield frame
        except av.FFmpegError as error:
            raise Undecodable(f"stops decoding after {count} samples: {error.strerror}", "truncated") from None
    if fault and fault != _HOLE:
        raise Undecodable(f"{fault} after {count} samples", "truncated")


def _fault_of(packet: bytes) -> str:
    """What is wrong with a packet of MP3 or ADTS by its own head: cut, followed by what is none, or no frame at all."""
    size = frame_bytes(packet[:6])
    if size is None:
        return _NO_FRAME
    if size > len(packet):
        return f"a frame is cut, {size - len(packet)} bytes of it are missing,"
    return _HOLE if size and len(packet) >= 2 * size else ""


def _packets(container: InputContainer, stream: av.AudioStream) -> Iterator[av.Packet[av.AudioStream]]:
    """Every packet, and the empty one that ends a stream. FFmpeg reads the bytes by calling back."""
    import av

    packets = container.demux(stream)
    while True:
        try:
            with held():
                packet = next(packets, None)
        except av.FFmpegError as error:
            raise Undecodable(f"cannot be read to its end: {error.strerror}", "truncated") from None
        if packet is None:
            return
        yield packet


def _check_length(container: InputContainer, stream: av.AudioStream, seconds: float) -> None:
    """MP4 counts its samples; what is not there was cut off, or could not be decoded."""
    if container.format.name.startswith("mov") and stream.duration and stream.time_base:
        stated = float(stream.duration * stream.time_base)
        if seconds < stated - _SLACK_SECONDS:
            raise Undecodable(f"its header promises {stated:.3f} s and {seconds:.3f} s can be decoded", "truncated")


def _as_float(frame: av.AudioFrame) -> Samples:
    """(channels, samples) float32 of a frame; whole numbers over half their range, as libsndfile does."""
    values: NDArray[Any] = frame.to_ndarray()
    if not frame.format.is_planar:
        values = values.reshape(-1, frame.layout.nb_channels).T
    if values.dtype == np.uint8:
        return (values.astype(np.float32) - 128) / np.float32(128)
    if np.issubdtype(values.dtype, np.integer):
        half = float(2 ** (8 * values.dtype.itemsize - 1))
        return (values / half).astype(np.float32)
    return np.array(values, dtype=np.float32)
