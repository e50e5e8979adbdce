"""Videos in and out: order, time, rotation, sound, and what is said of files that are none."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from facezoo import video
from facezoo.errors import InputError

RATE = 8000


def shade(index: int, height: int = 48, width: int = 64) -> np.ndarray:
    """A frame that is bright at its top left and whose brightness tells its number."""
    frame = np.full((height, width, 3), 20 + 8 * index, np.uint8)
    frame[: height // 4, : width // 4] = 250
    return frame


@pytest.fixture(scope="module")
def sounding(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two seconds at 10 frames/s with a tone."""
    path = tmp_path_factory.mktemp("video") / "sounding.mkv"
    with av.open(str(path), "w") as container:
        picture = container.add_stream("mpeg4", rate=10)
        picture.width, picture.height, picture.pix_fmt = 64, 48, "yuv420p"
        sound = container.add_stream("mp2", rate=16000, layout="mono")
        for index in range(20):
            container.mux(picture.encode(av.VideoFrame.from_ndarray(shade(index), format="rgb24")))
        tone = (np.sin(np.arange(32000) * 2 * np.pi * 440 / 16000) * 20000).astype(np.int16)
        for start in range(0, 32000, 1152):
            frame = av.AudioFrame.from_ndarray(tone[None, start : start + 1152], format="s16", layout="mono")
            frame.sample_rate, frame.pts, frame.time_base = 16000, start, Fraction(1, 16000)
            container.mux(sound.encode(frame))
        for stream in (picture, sound):
            container.mux(stream.encode(None))
    return path


def write(path: Path, count: int, size: tuple[int, int] = (48, 64), **options: object) -> Path:
    with video.Writer(path, 10, size, **options) as writer:
        for index in range(count):
            writer.write(shade(index, *size))
    return path


def test_frames_come_back_in_order_with_their_times(tmp_path: Path) -> None:
    path = write(tmp_path / "new" / "clip.mp4", 20)
    frames = list(video.frames(path))
    assert [frame.index for frame in frames] == list(range(20))
    assert np.allclose([frame.time for frame in frames], np.arange(20) / 10, atol=1e-3)
    for frame in frames:
        assert frame.image.shape == (48, 64, 3) and frame.image.dtype == np.uint8
        assert np.abs(frame.image[30:, 40:].astype(int) - (20 + 8 * frame.index)).mean() < 4


def test_probe_tells_size_rate_and_length(tmp_path: Path) -> None:
    info = video.probe(write(tmp_path / "clip.mp4", 20))
    assert (info.width, info.height, info.fps, info.frames, info.has_audio, info.rotation) == (64, 48, 10.0, 20, False, 0)
    assert info.duration == pytest.approx(2.0, abs=0.1)


def test_odd_sizes_are_padded_by_repeating_the_edge(tmp_path: Path) -> None:
    path = write(tmp_path / "odd.mp4", 3, size=(47, 63))
    frame = next(video.frames(path))
    assert frame.image.shape == (48, 64, 3)
    assert np.abs(frame.image[30:, 40:].astype(int) - 20).max() < 12


def test_sound_is_kept_and_ends_with_the_frames(sounding: Path, tmp_path: Path) -> None:
    path = write(tmp_path / "half.mp4", 10, audio_from=sounding)
    assert video.probe(path).has_audio
    with av.open(str(path)) as container:
        assert container.streams.audio[0].codec_context.name == "aac"
        samples = np.concatenate([frame.to_ndarray()[0] for frame in container.decode(audio=0)])
        rate = container.streams.audio[0].rate
    assert len(samples) / rate == pytest.approx(1.0, abs=0.15)
    spectrum = np.abs(np.fft.rfft(samples[rate // 4 : rate // 2 + rate // 4]))
    assert abs(np.argmax(spectrum) * 2 - 440) < 10  # half a second: bins of 2 Hz


def test_a_silent_source_gives_a_silent_video(tmp_path: Path) -> None:
    silent = write(tmp_path / "silent.mp4", 5)
    assert not video.probe(write(tmp_path / "copy.mp4", 5, audio_from=silent)).has_audio


ROTATIONS = {90: (0, 1, -1, 0), 180: (-1, 0, 0, -1), 270: (0, -1, 1, 0)}  # degrees clockwise: a b c d of the matrix


@pytest.mark.parametrize("degrees", ROTATIONS)
def test_a_rotation_in_the_metadata_is_applied(degrees: int, tmp_path: Path) -> None:
    path = write(tmp_path / "clip.mp4", 2)
    content = path.read_bytes()

    def matrix(a: int, b: int, c: int, d: int) -> bytes:
        return b"".join((value << 16 & 0xFFFFFFFF).to_bytes(4, "big") for value in (a, b)) + bytes(4) + b"".join(
            (value << 16 & 0xFFFFFFFF).to_bytes(4, "big") for value in (c, d)
        )  # fmt: skip

    track = content.index(b"tkhd")
    place = content.index(matrix(1, 0, 0, 1), track)
    path.write_bytes(content[:place] + matrix(*ROTATIONS[degrees]) + content[place + 20 :])
    upright = np.rot90(shade(0), -degrees // 90)
    image = next(video.frames(path)).image
    assert image.shape == upright.shape
    assert np.abs(image.astype(int) - upright).mean() < 6
    info = video.probe(path)
    assert (info.height, info.width, info.rotation) == (*upright.shape[:2], 360 - degrees)


def sound_only(path: Path) -> None:
    with av.open(str(path), "w", format="mp4") as container:
        stream = container.add_stream("aac", rate=RATE, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        frame.sample_rate = RATE
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            container.mux(packet)


def no_frame(path: Path) -> None:
    with av.open(str(path), "w", format="matroska") as container:
        picture = container.add_stream("mpeg4", rate=10)
        picture.width, picture.height, picture.pix_fmt = 64, 48, "yuv420p"
        stream = container.add_stream("aac", rate=RATE, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        frame.sample_rate = RATE
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            container.mux(packet)


def cut_short(path: Path) -> None:
    path.write_bytes(write(path.with_name("whole.mp4"), 20).read_bytes()[:700])


FAULTS: dict[str, tuple[Callable[[Path], object], str]] = {
    "empty": (lambda path: path.write_bytes(b""), "empty"),
    "text": (lambda path: path.write_text("I am a text file.\n" * 50), "no video"),
    "folder": (lambda path: path.mkdir(), "folder"),
    "missing": (lambda path: None, "no file"),
    "sound only": (sound_only, "no video track"),
    "no frame": (no_frame, "no frame"),
    "cut short": (cut_short, "damaged"),
}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("look", [lambda path: next(video.frames(path)), video.probe], ids=["frames", "probe"])
def test_a_faulty_file_is_named(fault: str, look: Callable[[Path], object], tmp_path: Path) -> None:
    make, reason = FAULTS[fault]
    path = tmp_path / "faulty.mp4"
    make(path)
    with pytest.raises(InputError, match=reason) as caught:
        look(path)
    assert str(path) in str(caught.value)


def test_an_interrupted_video_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), video.Writer(tmp_path / "clip.mp4", 10, (48, 64)) as writer:
        writer.write(shade(0))
        raise KeyboardInterrupt
    assert not list(tmp_path.iterdir())


def test_an_earlier_video_stays_until_the_new_one_is_whole(tmp_path: Path) -> None:
    path = write(tmp_path / "clip.mp4", 4)
    before = path.read_bytes()
    with pytest.raises(InputError), video.Writer(path, 10, (48, 64)) as writer:
        writer.write(shade(0)[:-1])
    assert path.read_bytes() == before and len(list(tmp_path.iterdir())) == 1


def test_what_cannot_be_written_is_said(tmp_path: Path, sounding: Path) -> None:
    with pytest.raises(InputError, match="clip.mp4"):
        video.Writer(tmp_path / "clip.txt", 10, (48, 64))
    with pytest.raises(InputError, match="rate"):
        video.Writer(tmp_path / "clip.mp4", 0, (48, 64))
    with pytest.raises(InputError, match="No frame"), video.Writer(tmp_path / "clip.mp4", 10, (48, 64)):
        pass
    with (
        pytest.raises(InputError, match="missing.mp3"),
        video.Writer(tmp_path / "clip.mp4", 10, (48, 64), tmp_path / "missing.mp3"),
    ):
        pass
    assert not list(tmp_path.iterdir())


def test_frames_are_decoded_one_at_a_time(sounding: Path) -> None:
    stream = video.frames(sounding)
    assert next(stream).index == 0 and next(stream).index == 1
    stream.close()


def test_real_clips(shared_dir: Path) -> None:
    path = sorted((shared_dir / "data" / "clips").glob("*.mpg"))[0]
    info = video.probe(path)
    frames = list(video.frames(path))
    assert (info.width, info.height, info.fps, info.has_audio) == (360, 288, 25.0, True)
    assert len(frames) == 75 and frames[-1].time == pytest.approx(74 / 25, abs=1e-3)
