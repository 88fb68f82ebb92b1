"""Pictures: each sample is a file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tfl.data.kinds._base import Kind

if TYPE_CHECKING:
    from tfl.data.check.examine_pictures import PictureExaminer


class ImageKind(Kind):
    """Files of pictures."""

    noun = "picture"
    nouns = "pictures"
    source = "file"
    example = "YOUR_PICTURE.jpg"
    elsewhere = "from another camera, place or time"
    task = "image_classification"
    is_drawn = True

    def examiner(self) -> PictureExaminer:
        from tfl.data.check.examine_pictures import PictureExaminer

        return PictureExaminer()


KIND = ImageKind()
