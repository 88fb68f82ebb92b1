"""A data set in a notebook: what was found, how it is mended, what resizing and augmentation make of it."""

from __future__ import annotations

import dataclasses
import html
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tfl.backbones import backbone_info
from tfl.core.augmentation import Augmentation, AugmentConfig, resolve_augmentation
from tfl.core.config import DEFAULT_BACKBONE, resolve_config
from tfl.core.display import RecordTuple
from tfl.core.errors import NotFoundError, OutputExistsError
from tfl.core.files import write_text
from tfl.core.notebook import default_progress
from tfl.core.progress import Progress
from tfl.data.check import CheckReport, check
from tfl.data.folds import Fold, k_folds
from tfl.data.kinds import KINDS
from tfl.data.loading import read_manifest
from tfl.data.manifest import Manifest
from tfl.data.preprocess import ImagePreprocessing, as_pictures
from tfl.data.readers import NO_OPTIONS, Location, ReadOptions, as_location

if TYPE_CHECKING:
    from PIL import Image

    from tfl.data.check.mend import Mending
    from tfl.data.relabel import Relabelling
    from tfl.report.data_summary import DataSummary

_PAGE_PIXELS = 620


@dataclasses.dataclass(frozen=True)
class HtmlPage:
    """A whole page, shown in a frame in a notebook.

    Attributes:
        text: The HTML document.
    """

    text: str

    @classmethod
    def load(cls, path: str | Path) -> HtmlPage:
        """Read a page, such as the report of a run.

        Raises:
            NotFoundError: There is no such file.
        """
        path = Path(path)
        if not path.is_file():
            raise NotFoundError(f"There is no page {path}.", hint="Write a report: tfl report RUN")
        return cls(path.read_text(encoding="utf-8"))

    def __repr__(self) -> str:
        return f"HtmlPage({len(self.text):,} characters; show it in a notebook, or save it)"

    def _repr_html_(self) -> str:
        frame = f'width="100%" height="{_PAGE_PIXELS}" title="{html.escape(self.title)}"'
        return f'<iframe srcdoc="{html.escape(self.text)}" {frame}></iframe>'

    @property
    def title(self) -> str:
        """As the page says it."""
        found = re.search(r"<title>(.*?)</title>", self.text, re.DOTALL)
        return html.unescape(found[1]).strip() if found else "page"

    def save(self, path: str | Path) -> Path:
        """Write the page.

        Raises:
            JobError: The file can't be written.
        """
        write_text(Path(path), self.text)
        return Path(path)


@dataclasses.dataclass(frozen=True)
class Data:
    """A data set that has been read and checked.

    Attributes:
        path: Where it lies.
        manifest: Its examples.
        report: What the check found.
        options: The columns that were named.
    """

    path: Location
    manifest: Manifest
    report: CheckReport
    options: ReadOptions = NO_OPTIONS

    def __repr__(self) -> str:
        counts = ", ".join(f"{label}: {count}" for label, count in self.manifest.counts().items())
        return f"Data({str(self.path)!r}, {len(self.manifest.examples)} examples; {counts}; {self.report.verdict})"

    def _repr_html_(self) -> str:
        from tfl.report.tables import html_table

        rows = [[label, count] for label, count in self.manifest.counts().items()]
        return html_table(
            ["class", KINDS.get(self.manifest.kind).nouns], rows, caption=f"{self.path}: {self.report.verdict}"
        )

    def findings(self) -> HtmlPage:
        """Show what the check found, rule by rule, with pictures of the worst.

        Raises:
            MissingExtraError: Jinja2 is not installed.
        """
        from tfl.report.cards import render_cards
        from tfl.report.findings_page import findings_page

        return HtmlPage(render_cards(findings_page(self.report, self.manifest, steps=())))

    def mend(self, out: str | Path, *, progress: Progress | None = None) -> Mending:
        """Write a mended copy, to be loaded with `load_data(out)`; see `tfl.data.check.mend.mend`.

        Args:
            out: A new folder outside of the data.
            progress: Told about every file.

        Raises:
            OutputExistsError: There is something in `out`.
            UserError: `out` lies inside the data, or nothing would be left.
        """
        from tfl.data.check.mend import mend

        return mend(self.manifest, self.report, Path(out), progress=progress)

    def relabel(self, table: str | Path, out: str | Path, *, new_classes: Sequence[str] = ()) -> Relabelling:
        """Make a new version from a table with decisions, to be loaded with `load_data(out)`.

        Args:
            table: CSV file with the columns `decision` and `path`, such as a review writes.
            out: The manifest to write, which is new.
            new_classes: Classes that the data do not have yet.

        Raises:
            OutputExistsError: `out` exists.
            DataError: The table can't be read, or decisions can't be applied.
        """
        from tfl.data.relabel import apply_table

        if Path(out).exists():
            raise OutputExistsError(f"{out} exists already.", hint="Choose another name.")
        version, made = apply_table(self.manifest, Path(table), new_classes=frozenset(new_classes))
        version.save(Path(out))
        return made

    def folds(self, k: int = 5, *, repeats: int = 1, seed: int = 0) -> RecordTuple[Fold]:
        """Cut the data k ways; copies, near copies and groups stay together. See `tfl.data.folds.k_folds`.

        Raises:
            ConfigError: `k` or `repeats` is too small.
            DataError: A class has fewer than k different pictures.
        """
        groups = self.report.duplicate_groups
        return RecordTuple(k_folds(self.manifest, k, repeats=repeats, seed=seed, duplicate_groups=groups))

    def summary(
        self,
        *,
        backbone: str = DEFAULT_BACKBONE,
        augmentation: Augmentation = "light",
        augment: Mapping[str, Any] | AugmentConfig | None = None,
        seed: int = 0,
    ) -> DataSummary:
        """Walk the first sample through every step, with what training does beside: text, and a table in a notebook.

        Args:
            backbone: Whose input contract, `source:name`.
            augmentation: Preset; `none` leaves the steps of training out.
            augment: Knobs that override it, as in `fit`.
            seed: Of the draws.

        Raises:
            DataError: The sample can't be read.
            ConfigError: A knob is unknown or out of range.
        """
        from tfl.report.data_summary import summarize_sample

        contract = _contract(backbone)
        values = _augmentation(augmentation, augment)
        return summarize_sample(self.manifest, contract, backbone=backbone, augmentation=values, seed=seed)

    def show_resize(
        self,
        methods: Sequence[str] = (),
        *,
        samples: int = 4,
        backbone: str = DEFAULT_BACKBONE,
        seed: int = 0,
    ) -> Image.Image:
        """Draw a few training samples resized by each method, side by side.

        Args:
            methods: Some of `crop`, `squish`, `pad` and `random_resized_crop`; all by default.
            samples: Rows.
            backbone: Whose input contract, `source:name`.
            seed: Of the random boxes.

        Raises:
            UserError: There is no such method.
            DataError: A picture can't be decoded.
        """
        from tfl.report.data_grids import RESIZE_METHODS, draw_data

        chosen = tuple(methods) or RESIZE_METHODS
        return draw_data(self.manifest, backbone, methods=chosen, samples=samples, seed=seed)[0]

    def show_augment(
        self,
        augmentation: Augmentation = "light",
        *,
        augment: Mapping[str, Any] | AugmentConfig | None = None,
        samples: int = 4,
        views: int = 5,
        backbone: str = DEFAULT_BACKBONE,
        seed: int = 0,
    ) -> Image.Image:
        """Draw a few training samples as training draws them.

        Args:
            augmentation: Preset.
            augment: Knobs that override it, as in `fit`.
            samples: Rows.
            views: Columns beside the original.
            backbone: Whose input contract, `source:name`.
            seed: Of the draws.

        Raises:
            UserError: Nothing is to be changed.
            ConfigError: A knob is unknown or out of range.
            DataError: A picture can't be decoded.
        """
        from tfl.report.data_grids import draw_data

        values = _augmentation(augmentation, augment)
        return draw_data(self.manifest, backbone, augmentation=values, samples=samples, views=views, seed=seed)[0]


def load_data(
    path: str | Path,
    *,
    reader: str = "auto",
    path_column: str = "",
    text_column: str = "",
    label_column: str = "",
    split_column: str = "",
    group_column: str = "",
    label_separator: str = "",
    frame_rate: float = 0.0,
    progress: Progress | None = None,
) -> Data:
    """Read and check a data set.

    Args:
        path: A folder with a sub-folder of pictures per class, or with `train`, `val`, `test` folders of such; a
            CSV, TSV, JSON-lines or Parquet file that lists the pictures; an archive of these; or the address of
            one, such as `s3://bucket/photos`. `tfl data formats` shows them all.
        reader: A reader's name, or `auto`.
        path_column: Column of such a file with the paths; this and the next are guessed where empty.
        text_column: Column of a table with the texts; several, comma-separated, are joined.
        label_column: Of the classes; several, comma-separated, are columns of 0 and 1.
        split_column: Of the splits.
        group_column: Of what must stay on one side of a split.
        label_separator: Between the labels of one example.
        frame_rate: Frames to take from each second of a video; 0 takes one.
        progress: Told what happens.

    Raises:
        DataError: The data can't be read at all; findings of the check are in `.report` and are not raised here.
    """
    location = as_location(path)
    options = ReadOptions(
        path_column=path_column,
        text_column=text_column,
        label_column=label_column,
        split_column=split_column,
        group_column=group_column,
        label_separator=label_separator,
        frame_rate=frame_rate,
    )
    report, manifest = check(
        read_manifest(location, reader=reader, options=options), progress=progress or default_progress()
    )
    return Data(location, manifest, report, options)


def augmentation_settings(augment: Mapping[str, Any] | AugmentConfig | None) -> dict[str, Any]:
    """Return the dotted settings that say the same."""
    named = augment.to_dict() if isinstance(augment, AugmentConfig) else dict(augment or {})
    return {f"augment.{name}": value for name, value in named.items() if name != "schema"}


def _augmentation(preset: Augmentation, augment: Mapping[str, Any] | AugmentConfig | None) -> AugmentConfig:
    config = resolve_config({}, {"train.augmentation": preset, **augmentation_settings(augment)})
    return resolve_augmentation(config.train.augmentation, config.augment)


def _contract(backbone: str) -> ImagePreprocessing:
    return as_pictures(backbone_info(backbone).preprocessing, purpose="This")
