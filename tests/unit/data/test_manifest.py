"""A manifest goes to its file and back, whatever its examples hold."""

import pytest

from tfl.data.manifest import Example, Manifest


@pytest.mark.parametrize("count", [0, 1, 3])
def test_a_manifest_comes_back_as_it_was_saved(count, tmp_path):
    examples = tuple(
        Example(path=f"ü/{index}.png", label='a "b"', split="train", labels=("x", "y"), attributes={"site": "\n"})
        for index in range(count)
    )
    manifest = Manifest(
        root="/data", reader="image_folder", labels=('a "b"',), examples=examples, split_names={"val": "test"}
    )
    manifest.save(tmp_path / "manifest.json")
    assert Manifest.load(tmp_path / "manifest.json") == manifest
    lines = (tmp_path / "manifest.json").read_text(encoding="utf-8").splitlines()
    assert sum('"path"' in line for line in lines) == count
