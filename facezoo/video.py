"""Videos as a stream of upright RGB frames, and back to a file with sound; memory does not grow with length."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import av
import numpy as np
from av.codec import codecs_available
from av.error import FFmpegError

from facezoo import disclosure
from facezoo.errors import InputError

ENCODERS = ("libx264", "h264", "mpeg4")  # the first that this build of PyAV has
AUDIO_RATES = (48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000)  # what AAC takes, of the usual ones


@dataclass(frozen=True, slots=True)
class Frame:
    """One picture of a video.

    Attributes:
        index: counted from 0.
        time: seconds since the first frame.
        image: (H, W, 3) uint8 RGB, turned upright by the video's rotation. Pixels are taken as square.
    """

    index: int
    time: float
    image: np.ndarray


@dataclass(frozen=True, slots=True)
class VideoInfo:
    """What a video says about itself; None where it does not say.

    Attributes:
        width: pixels, after rotation.
        height: pixels, after rotation.
        fps: mean frames per second.
        frames: number of frames.
        duration: seconds.
        has_audio: True if there is a sound track.
        rotation: degrees counter-clockwise by which stored frames are turned to stand upright: 0, 90, 180 or 270.
    """

    width: int
    height: int
    fps: float
    frames: int | None
    duration: float | None
    has_audio: bool
    rotation: int


def frames(path: str | Path) -> Iterator[Frame]:
    """The frames of a video in order.

    Raises:
        InputError: names the file: missing, empty, no video, or no frame in it. Raised when the first frame is asked for,
            or where the file turns out to be damaged.
    """
    with _reading(path) as container:
        stream = _video_stream(container, path)
        stream.thread_type = "AUTO"
        rate = stream.average_rate or Fraction(25)
        start, index = 0.0, -1
        for index, frame in enumerate(container.decode(stream)):
            time = frame.time if frame.time is not None else float(index / rate)
            start = start if index else time
            yield Frame(index, time - start, _upright(frame.to_ndarray(format="rgb24"), frame.rotation))
        if index < 0:
            raise InputError(f"{path} has a video track but no frame in it.")


def probe(path: str | Path) -> VideoInfo:
    """Size, rate and length, from the header and the first frame.

    Raises:
        InputError: names the file: missing, empty, no video, or no frame in it.
    """
    with _reading(path) as container:
        stream = _video_stream(container, path)
        first = next(container.decode(stream), None)
        if first is None:
            raise InputError(f"{path} has a video track but no frame in it.")
        rotation = round(first.rotation / 90) * 90 % 360
        width, height = (first.height, first.width) if rotation in (90, 270) else (first.width, first.height)
        rate = float(stream.average_rate or 25)
        duration = _seconds(stream, container)
        count = stream.frames or (round(duration * rate) if duration is not None else None)
        return VideoInfo(width, height, rate, count, duration, bool(container.streams.audio), rotation)


def synthesis_of(path: str | Path) -> disclosure.Synthesis | None:
    """What the file of a video says about a network that made it; None where it says nothing.

    Raises:
        InputError: names the file: missing, empty, or no video.
    """
    with _reading(path) as container:
        _video_stream(container, path)
        texts = (value for key, value in container.metadata.items() if key.lower() == "comment")
        return next((made for made in map(disclosure.synthesis_in, texts) if made is not None), None)


class Writer:
    """Encodes frames to an H.264 mp4 (yuv420p, which every player shows). Use as a context manager.

    The file appears under its name when the block ends without an error; otherwise nothing is left. Frames of odd size
    get one repeated row or column, since H.264's colour planes are halved.

    Args:
        path: ends in .mp4, .m4v, .mov or .mkv.
        fps: frames per second.
        size: height and width of the frames.
        audio_from: a file whose sound is taken, re-encoded to AAC and cut where the frames end; None or a file without
            sound: silent.
        made: how a network made the frames; noted in the file.
        mark: draw the visible mark on frames that were made.

    Raises:
        InputError: another ending, an impossible rate or size, an unreadable sound file, or a frame of another size.
    """

    def __init__(
        self,
        path: str | Path,
        fps: float,
        size: tuple[int, int],
        audio_from: str | Path | None = None,
        *,
        made: disclosure.Synthesis | None = None,
        mark: bool = True,
    ) -> None:
        self.path = Path(path)
        if self.path.suffix.lower() not in (".mp4", ".m4v", ".mov", ".mkv"):
            raise InputError(f"{self.path} is no name for a video to write; try {self.path.with_suffix('.mp4').name}.")
        if not (0 < fps <= 1000) or min(size) < 1:
            raise InputError(f"A video has a rate above 0 and frames with pixels, not {fps} frames/s of {size[0]} x {size[1]}.")
        self.size = size
        self.rate = Fraction(fps).limit_denominator(30000)
        self.audio_from = audio_from
        self.made = made
        self.marked = made is not None and mark
        self.count = 0
        self._part = self.path.with_name(f".{self.path.stem}.{uuid.uuid4().hex[:8]}.part{self.path.suffix.lower()}")
        self._open = contextlib.ExitStack()

    def __enter__(self) -> Self:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._start()
        except BaseException:
            self._discard()
            raise
        return self

    def _start(self) -> None:
        sound = self._open.enter_context(_reading(self.audio_from)) if self.audio_from is not None else None
        self._container = self._open.enter_context(av.open(str(self._part), "w"))
        if self.made is not None:
            self._container.metadata["comment"] = self.made.note()
        name = next((encoder for encoder in ENCODERS if encoder in codecs_available), ENCODERS[-1])
        options = {"crf": "18", "preset": "fast"} if name == "libx264" else {}
        self._video: Any = self._container.add_stream(name, rate=self.rate, options=options)
        height, width = self.size
        self._video.width, self._video.height, self._video.pix_fmt = width + width % 2, height + height % 2, "yuv420p"
        self._sound = _Sound(sound, self._container) if sound and sound.streams.audio else None

    def write(self, image: np.ndarray) -> None:
        """Appends one frame, (H, W, 3) uint8 RGB of the size given."""
        if image.dtype != np.uint8 or image.shape != (*self.size, 3):
            raise InputError(f"{self.path} takes uint8 frames of {(*self.size, 3)}, not {image.dtype} of {image.shape}.")
        height, width = self.size
        if self.marked:
            image = disclosure.marked(image)
        if height % 2 or width % 2:
            image = np.pad(image, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24")
        frame.pts, frame.time_base = self.count, 1 / self.rate
        self._container.mux(self._video.encode(frame))
        self.count += 1
        if self._sound:
            with _naming(self.audio_from or ""):
                self._sound.copy_until(float(self.count / self.rate))

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if kind is not None or not self.count:
            self._discard()
            if kind is None:
                raise InputError(f"No frame was written to {self.path}; there is no such video.")
            return
        try:
            self._container.mux(self._video.encode())
            if self._sound:
                self._sound.finish()
            self._open.close()
            self._part.replace(self.path)
        except FFmpegError as fault:
            raise InputError(f"{self.path} could not be written: {fault}.") from fault
        finally:
            self._discard()

    def _discard(self) -> None:
        with contextlib.suppress(FFmpegError):  # the file goes anyway
            self._open.close()
        self._part.unlink(missing_ok=True)


class _Sound:
    """Takes sound along with the frames, so that an hour of it is never held in memory."""

    def __init__(self, source: Any, target: Any) -> None:
        track = source.streams.audio[0]
        rate = track.rate if track.rate in AUDIO_RATES else 48000
        video = source.streams.video[0] if source.streams.video else track
        self._start = float((video.start_time or 0) * video.time_base)
        self._decoded = source.decode(track)
        self._target = target
        self._encoder: Any = target.add_stream("aac", rate=rate)
        self._encoder.layout = "mono" if track.layout.nb_channels == 1 else "stereo"
        self._resampler = av.AudioResampler(format="fltp", layout=self._encoder.layout, rate=rate)
        self._rate = rate
        self._time = 0.0
        self._samples = 0

    def copy_until(self, time: float) -> None:
        """Encodes sound up to a time in seconds since the first frame."""
        while self._time < time:
            frame = next(self._decoded, None)
            if frame is None:
                self._time = float("inf")
                return
            begins = (frame.time or 0.0) - self._start
            self._time = begins + frame.samples / frame.sample_rate
            if begins < -0.01:  # before the first frame
                continue
            frame.pts = None
            self._encode(self._resampler.resample(frame))

    def _encode(self, resampled: list[Any]) -> None:
        for piece in resampled:
            piece.pts, piece.time_base = self._samples, Fraction(1, self._rate)
            self._samples += piece.samples
            self._target.mux(self._encoder.encode(piece))

    def finish(self) -> None:
        self._encode(self._resampler.resample(None))
        self._target.mux(self._encoder.encode(None))


@contextlib.contextmanager
def _reading(path: str | Path) -> Iterator[Any]:
    """An open container; FFmpeg's faults inside the block become an InputError."""
    file = Path(path)
    if not file.is_file():
        raise InputError(f"{file} is a folder, not a video." if file.is_dir() else f"There is no file {file}.")
    if not file.stat().st_size:
        raise InputError(f"{file} is empty (0 bytes).")
    with _naming(file), av.open(str(file), metadata_errors="replace") as container:
        yield container


@contextlib.contextmanager
def _naming(file: str | Path) -> Iterator[None]:
    """Turns FFmpeg's faults into an InputError that names the file."""
    try:
        yield
    except FFmpegError as error:
        raise InputError(f"{file} is no video that FFmpeg reads, or it is damaged: {error}.") from error


def _video_stream(container: Any, path: str | Path) -> Any:
    if not container.streams.video:
        raise InputError(f"{path} has no video track.")
    return container.streams.video[0]


def _seconds(stream: Any, container: Any) -> float | None:
    if stream.duration is not None:
        return float(stream.duration * stream.time_base)
    return container.duration / av.time_base if container.duration is not None else None


def _upright(image: np.ndarray, rotation: int) -> np.ndarray:
    turns = round(rotation / 90) % 4
    return np.ascontiguousarray(np.rot90(image, turns)) if turns else image
