"""Videos, in a folder per class or listed in a manifest file, as pictures taken at a stated rate."""

from __future__ import annotations

import contextlib
import math
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from tfl.core.errors import DataError
from tfl.core.extras import require_installed
from tfl.core.files import cache_dir, sha256_text
from tfl.data.formats import FORMATS
from tfl.data.loading import read_manifest
from tfl.data.manifest import Example, Manifest, Problem
from tfl.data.readers._base import NO_OPTIONS, Location, Reader, ReadOptions
from tfl.data.readers._folders import count_endings
from tfl.data.readers._frames import MAX_FRAMES, Frames, Sampling, frame_name, take_frames
from tfl.data.readers._listing import manifest_of_table
from tfl.data.readers._rows import VIDEO_SUFFIXES, lists_videos, read_table, table_file_of, video_column

_PICTURE_SUFFIXES = tuple(frozenset().union(*FORMATS.values()))
_STARTS = ("start", "start_s", "start_time", "begin")
_ENDS = ("end", "end_s", "end_time", "stop")
_NAMED = 10


class VideoFolder(Reader):
    """All pictures of one video are one group, so that they stay on one side of a split."""

    summary = "videos in one folder per class, or listed in a manifest file, as pictures taken at --frame-rate"
    example = f"""
clips/
  jump/  1.mp4  2.mov  ...
  walk/  a.mkv  b.avi  ...

or listed, also in parts, with train, val and test folders or a split column as for pictures:

clips/parts.csv:
  path,label,start,end
  1.mp4,walk,0,4.5
  1.mp4,jump,4.5,6

One picture a second is taken, or as many as --frame-rate says, at most {MAX_FRAMES} of a video or a part, spread over
it. The pictures lie in the cache and know their video and their time in seconds (video, time_s).
"""

    def recognizes(self, location: Location, options: ReadOptions = NO_OPTIONS) -> bool:
        with contextlib.suppress(OSError):
            place = Path(location)
            file = table_file_of(place)
            if file is not None and lists_videos(file):
                return True
            return place.is_dir() and _holds_videos(place)
        return False

    def read(self, location: Location, options: ReadOptions = NO_OPTIONS) -> Manifest:
        place = Path(location)
        try:
            if not place.exists():
                raise DataError(f"The videos {place} are not there.")
            file = table_file_of(place)
            if file is not None and lists_videos(file):
                videos = _listed(file, options)
            else:
                options.refuse_columns(f"{place}, a folder of videos,")
                videos = read_manifest(place, reader="image_folder")
        except OSError as error:
            raise DataError(f"The videos can't be read: {place}: {error.strerror or error}.") from error
        require_installed("av", purpose="reading videos")
        return _expanded(videos, source=str(place.resolve()), frames_per_s=options.frame_rate or 1.0)


def _holds_videos(folder: Path) -> bool:
    """Say whether there are more videos than pictures among the first files."""
    videos, pictures = count_endings(folder, VIDEO_SUFFIXES, _PICTURE_SUFFIXES)
    return videos > pictures


def _listed(file: Path, options: ReadOptions) -> Manifest:
    table = read_table(file)
    columns = replace(options, path_column=options.path_column or video_column(table))
    return manifest_of_table(
        file,
        table,
        columns,
        reader="video_folder",
        identity=lambda example: (example.path, _cell(example, _STARTS), _cell(example, _ENDS)),
    )


def _expanded(videos: Manifest, *, source: str, frames_per_s: float) -> Manifest:
    """Turn each example, which is a video or a part of one, into its pictures."""
    root = cache_dir() / "data" / "videos" / sha256_text(videos.root, f"{frames_per_s:g}")[:32]
    usable = [example for example in videos.examples if example.path.casefold().endswith(VIDEO_SUFFIXES)]
    others = {example.path for example in videos.examples} - {example.path for example in usable}
    pool = ThreadPoolExecutor(os.cpu_count())
    try:
        taken = list(pool.map(lambda video: _take(Path(videos.root), root, video, frames_per_s), usable))
    finally:
        pool.shutdown(cancel_futures=True)
    examples = [example for _, found, _ in taken for example in found]
    problems = [*videos.problems, *(problem for _, _, found in taken for problem in found)]
    labels = tuple(sorted({label for example in examples for label in example.all_labels}))
    if len(labels) < 2:
        told = "\n".join(f"  {problem.path}: {problem.message}" for problem in problems[:_NAMED])
        raise DataError(
            f"{source}: videos of {len(labels)} classes can be used; a classifier needs at least two.\n{told}".strip(),
            hint="Mend or replace the videos, or add some of another class.",
        )
    return replace(
        videos,
        root=str(root.resolve()),
        reader="video_folder",
        labels=labels,
        examples=tuple(sorted(examples, key=lambda example: example.path)),
        unused=tuple(sorted({*videos.unused, *others})),
        problems=tuple(problems),
        source=source,
    )


def _take(place: Path, root: Path, video: Example, frames_per_s: float) -> tuple[str, list[Example], list[Problem]]:
    sampling = _sampling(video, frames_per_s)
    if isinstance(sampling, Problem):
        return video.path, [], [sampling]
    part = "" if sampling == Sampling(frames_per_s=frames_per_s) else f"@{sampling.start_s:g}-{sampling.end_s:g}"
    below = f"{video.path}{part}"
    try:
        frames = take_frames(place / video.path, root / below, sampling)
    except OSError as error:
        frames = Frames(times_s=(), problem=f"can't be read: {error.strerror or error}")
    problems = [Problem(rule="unreadable", path=below, message=frames.problem)] if frames.problem else []
    return video.path, list(_examples(video, below, frames)), problems


def _examples(video: Example, below: str, frames: Frames) -> Iterator[Example]:
    for time_s in frames.times_s:
        yield replace(
            video,
            path=f"{below}/{frame_name(time_s)}",
            group=video.group or video.path,
            attributes={**video.attributes, "video": video.path, "time_s": f"{time_s:.3f}"},
        )


def _sampling(video: Example, frames_per_s: float) -> Sampling | Problem:
    values = {"start": 0.0, "end": math.inf}
    for what, names in (("start", _STARTS), ("end", _ENDS)):
        text = _cell(video, names)
        with contextlib.suppress(ValueError):
            values[what] = float(text) if text else values[what]
            continue
        return Problem(rule="bad_row", path=video.path, message=f"{what}: must be seconds. Received: '{text}'")
    if not 0 <= values["start"] < values["end"]:
        message = f"must start at 0 s or later and end after that. Received: {values['start']:g} to {values['end']:g} s"
        return Problem(rule="bad_row", path=video.path, message=message)
    return Sampling(frames_per_s=frames_per_s, start_s=values["start"], end_s=values["end"])


def _cell(video: Example, names: tuple[str, ...]) -> str:
    folded = {name.strip().casefold(): value for name, value in video.attributes.items()}
    return next((folded[name] for name in names if name in folded), "")


READER = VideoFolder()
