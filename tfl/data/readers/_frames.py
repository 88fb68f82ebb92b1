"""Pictures from a video, at a stated rate, kept as JPEG: whole or not at all, and made once."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tfl.core.errors import IntegrityError
from tfl.core.extras import require
from tfl.core.files import fresh_folder, read_json, write_json
from tfl.core.records import Record

#: Of one video or one part of it; a longer one is sampled more sparsely, over its whole length.
MAX_FRAMES = 300
_NOTE = ".frames.json"
_QUALITY = 95
#: A file that ends this much before it says is cut off; the length that is told may be rounded.
_MISSING_S, _MISSING_SHARE = 2.0, 0.1
#: Times are kept in milliseconds, so that one may lie this much before the one that is wanted.
_SLACK_S = 1e-3


@dataclass(frozen=True, kw_only=True)
class Sampling(Record):
    """Which frames are wanted.

    Attributes:
        frames_per_s: Above 0.
        start_s: Where to begin, from the first frame's time.
        end_s: Where to stop, or infinity.
    """

    frames_per_s: float
    start_s: float = 0.0
    end_s: float = math.inf


@dataclass(frozen=True, kw_only=True)
class Frames(Record):
    """What was taken from a video.

    Attributes:
        times_s: From the first frame's time, ascending; each is a file, see `frame_name`.
        problem: What is wrong with the video; frames from before the damage are kept.
    """

    times_s: tuple[float, ...]
    problem: str = ""


def frame_name(time_s: float) -> str:
    """Return the file name of a frame, in the order of time."""
    return f"{time_s:010.3f}.jpg"


def take_frames(video: Path, target: Path, sampling: Sampling) -> Frames:
    """Write the frames of a video into a folder, unless they are there already.

    Args:
        video: The file.
        target: The folder, replaced as a whole.
        sampling: Which frames.

    Raises:
        MissingExtraError: PyAV is not installed.
        JobError: The disk is full or can't be written.
        OSError: The video can't be opened.
    """
    av = require("av", purpose="reading videos")
    status = video.stat()
    made_from = {
        "size_bytes": status.st_size,
        "modified_ns": status.st_mtime_ns,
        # JSON has no infinity.
        "sampling": {name: str(value) for name, value in sampling.to_dict().items()} | {"most": MAX_FRAMES},
    }
    with contextlib.suppress(IntegrityError):
        note = read_json(target / _NOTE)
        if isinstance(note, dict) and note.get("made_from") == made_from:
            return Frames.from_dict(note["frames"])
    with fresh_folder(target) as place:
        frames = _write(av, video, place, sampling)
        write_json(place / _NOTE, {"made_from": made_from, "frames": frames.to_dict()})
    return frames


def _write(av: Any, video: Path, place: Path, sampling: Sampling) -> Frames:
    times_s: list[float] = []
    problem = ""
    try:
        with av.open(str(video)) as container:
            stream: Any = next(iter(container.streams.video), None)
            for time_s, frame in _sampled(container, stream, sampling) if stream else ():
                picture = _upright(frame, stream.sample_aspect_ratio)
                picture.save(place / frame_name(time_s), quality=_QUALITY, subsampling=0)
                times_s.append(time_s)
    except (av.error.FFmpegError, _BrokenError) as error:
        reason = getattr(error, "strerror", "") or str(error)
        problem = f"can't be decoded: {reason}"
        if times_s:
            problem = f"is damaged after {times_s[-1]:.3f} s ({reason}); the {len(times_s)} frames before are used"
    if not times_s and not problem:
        problem = (
            "holds no pictures" if sampling == Sampling(frames_per_s=sampling.frames_per_s) else _outside(sampling)
        )
    return Frames(times_s=tuple(times_s), problem=problem)


def _outside(sampling: Sampling) -> str:
    return f"holds no pictures from {sampling.start_s:g} s to {sampling.end_s:g} s"


class _BrokenError(Exception):
    """The decoder went on over damage; from there on neither pictures nor times can be trusted."""


def _sampled(container: Any, stream: Any, sampling: Sampling) -> Iterator[tuple[float, Any]]:
    stream.thread_type = "AUTO"
    offset_s = float((stream.start_time or 0) * stream.time_base)
    step_s = _step_s(container, stream, sampling)
    if sampling.start_s > 0:
        container.seek(math.floor((sampling.start_s + offset_s) / stream.time_base), stream=stream)
    count = 0
    before_s = -math.inf
    for time_s, frame in _timed(container, stream, offset_s):
        if frame.is_corrupt:
            # A recording may begin in the middle of what its first pictures are made from.
            if before_s == -math.inf:
                continue
            raise _BrokenError(f"a picture at {time_s:.3f} s is incomplete")
        # Frames come in the order they are shown.
        is_late, before_s = time_s <= before_s, max(before_s, time_s)
        if is_late or time_s < sampling.start_s + count * step_s - _SLACK_S:
            continue
        if time_s >= sampling.end_s - _SLACK_S or count >= MAX_FRAMES:
            return
        # A gap in the video is not made up for by a burst after it.
        count = max(count + 1, math.ceil((time_s - sampling.start_s + _SLACK_S) / step_s))
        yield time_s, frame
    if before_s == -math.inf:
        return
    missing_s = _own_length_s(container, stream) - before_s
    if missing_s > max(_MISSING_S, _MISSING_SHARE * before_s):
        raise _BrokenError(f"the last {missing_s:.3f} s are missing")


def _own_length_s(container: Any, stream: Any) -> float:
    """Return how long the pictures should go on; 0 where it is not told for them alone."""
    if stream.duration:
        return float(stream.duration * stream.time_base)
    return (container.duration or 0) / 1e6 if len(container.streams) == 1 else 0.0


def _timed(container: Any, stream: Any, offset_s: float) -> Iterator[tuple[float, Any]]:
    """Yield the frames with their times; the few formats without any are counted by their rate."""
    rate_per_s = float(stream.average_rate or stream.guessed_rate or 25)
    for index, frame in enumerate(container.decode(stream)):
        time_s = float(frame.pts * frame.time_base) - offset_s if frame.pts is not None else index / rate_per_s
        yield max(round(time_s, 3), 0.0), frame


def _step_s(container: Any, stream: Any, sampling: Sampling) -> float:
    step_s = 1.0 / sampling.frames_per_s
    length_s = float(stream.duration * stream.time_base) if stream.duration else (container.duration or 0) / 1e6
    part_s = min(sampling.end_s, length_s) - sampling.start_s
    return max(step_s, part_s / MAX_FRAMES)


def _upright(frame: Any, aspect: Any) -> Any:
    """Return a frame as a player shows it: with square pixels, turned as the file says."""
    image = frame.to_image()
    if aspect and aspect != 1:
        image = image.resize((max(1, round(image.width * float(aspect))), image.height))
    return image.rotate(frame.rotation, expand=True) if frame.rotation else image
