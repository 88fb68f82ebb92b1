"""A run with a review, as the widgets take it; nothing was trained."""

from tests.faults import CLASSES, folders
from tests.unit.report.conftest import ENVIRONMENT
from tfl.core.run_folder import RunFolder, RunRecord
from tfl.data.check import check
from tfl.data.loading import read_manifest
from tfl.data.relabel import Review, ReviewItem
from tfl.data.split import assign_splits
from tfl.review import REVIEW_FILE

#: The samples that the review names.
NAMED = ("cat/0000.jpg", "cat/0001.jpg", "cat/0002.jpg")


def write_reviewed(place, *, named=NAMED, unsure=(), classes=CLASSES):
    """Write data and a run with a review of some samples; return the run and its manifest."""
    manifest = assign_splits(check(read_manifest(folders(place / "data", classes=classes)))[1])
    run = RunFolder(place / "run")
    manifest.save(run.manifest_file)
    RunRecord(
        name="run",
        created="2026-01-01T00:00:00+00:00",
        command="tfl train",
        tfl_version="0.1",
        status="done",
        stages={},
        environment=ENVIRONMENT,
    ).save(run.record_file)
    items = tuple(
        ReviewItem(
            path=path,
            label="cat",
            suggested="cat" if path in unsure else "dog",
            kind="low_confidence" if path in unsure else "label_error",
            probability=0.1,
            suggested_probability=0.8,
            sha256=next(item.sha256 for item in manifest.examples if item.path == path),
            split="train",
        )
        for path in named
    )
    Review(
        run=str(run.path),
        data_fingerprint=manifest.fingerprint,
        backbone="embedded:sketchnet",
        folds=3,
        examples=len(manifest.examples),
        accuracy=0.9,
        label_errors=len(items),
        items=items,
    ).save(run.path / "review" / REVIEW_FILE)
    return run, manifest
