"""Small videos whose pictures say at what time they are shown."""

import numpy as np
import pytest

from tests.conftest import COLOURS

SIZE = (64, 48)


def picture(time_s, colour, noise=0):
    """Left half: the colour; right half: grey that is 20 brighter with each second."""
    width, height = SIZE
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[:, : width // 2] = colour
    pixels[:, width // 2 :] = 20 + round(20 * time_s)
    if noise:
        generator = np.random.default_rng(noise)
        pixels[: height // 2] = np.clip(
            pixels[: height // 2] + generator.integers(-40, 41, (height // 2, width, 3)), 0, 255
        )
    return pixels


def time_of(pixels):
    """Read a picture's time in seconds off its right half."""
    return (np.asarray(pixels, float)[-SIZE[1] // 4 :, SIZE[0] // 2 + 8 :].mean() - 20) / 20


def film(
    path,
    *,
    seconds=3,
    per_second=4,
    colour=(200, 40, 40),
    codec="mpeg4",
    rotation=0,
    aspect=None,
    times_s=None,
    noise=0,
):
    """Write a video; `times_s` gives each picture's time where they are not even."""
    av = pytest.importorskip("av")
    from fractions import Fraction

    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=per_second)
        stream.width, stream.height = SIZE
        stream.pix_fmt = "yuv420p"
        time_base = Fraction(1, 1000 if times_s is not None else per_second)
        stream.codec_context.time_base = time_base
        stream.bit_rate = 2_000_000
        if rotation:
            stream.set_display_rotation(rotation)
        if aspect:
            stream.codec_context.sample_aspect_ratio = aspect
        for time_s in times_s if times_s is not None else np.arange(seconds * per_second) / per_second:
            frame = av.VideoFrame.from_ndarray(picture(time_s, colour, noise), format="rgb24")
            frame.pts, frame.time_base = round(time_s / time_base), time_base
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def film_classes(folder, *, per_class=3, seconds=3, seed=0, suffix=".mp4"):
    """Write videos of one colour per class."""
    for label, colour in COLOURS.items():
        for index in range(per_class):
            film(
                folder / label / f"{label}-{index}{suffix}",
                seconds=seconds,
                colour=colour,
                noise=100 * seed + index + 1,
            )
    return folder
