"""One object for a run, a bundle or any exported artefact: evaluate, predict, export, verify, benchmark, report."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from tfl.bench.cells import ExportSummary, benchmark_artifacts
from tfl.bench.held_out import HeldOut
from tfl.bench.parity import verify as verify_artifact
from tfl.bench.records import Benchmark, Cell, Verification
from tfl.bundle import Artifact, Bundle
from tfl.bundle.records import ARTIFACT_FILE
from tfl.core.config import DEFAULT_PRECISIONS, BenchmarkConfig
from tfl.core.display import RecordList, RecordTuple
from tfl.core.errors import UserError
from tfl.core.notebook import default_progress
from tfl.core.progress import Progress
from tfl.core.retracing import retracing_untold
from tfl.core.run_folder import RunFolder
from tfl.data.contract import Contract, Floats, Fusion
from tfl.data.decode import ImageSource
from tfl.data.kinds import Kind
from tfl.data.manifest import Example, Manifest
from tfl.data.relabel import Review
from tfl.model_data import as_held_out, choose_examples, find_manifest
from tfl.report.evidence import EVIDENCE, Evidence, Shown, chosen_at_random
from tfl.report.picture import Picture
from tfl.report.records import Passages
from tfl.targets import TARGETS, Runtime, kind_of, open_artifact, open_bundle
from tfl.tasks import TASKS, Evaluation, Prediction, require_columns, slice_scores
from tfl.training_view import TrainingView

if TYPE_CHECKING:
    from tfl.compress.ladder_records import LadderSettings, Quantization

_BATCH = 32


class Model:
    """A trained model, from wherever it lies.

    Args:
        path: A run, a bundle or an artefact.
        threads: Processor threads for the engine; 0 lets it choose.
        progress: Told what happens.

    Attributes:
        kind: `run`, `bundle` or `artifact`.
        name: `bundle` for the float Keras model, else the artefact's name.
        run: The run that it lies in, or None.
        record: The bundle's or the artefact's record.
    """

    def __init__(self, path: Path, *, threads: int = 0, progress: Progress | None = None) -> None:
        self.path = path
        self.kind: Literal["run", "bundle", "artifact"] = kind_of(path)
        self.run = RunFolder.around(path)
        self.progress = progress or default_progress()
        self._threads = threads
        self._runtime: Runtime | None = None
        self._folder = RunFolder(path).bundle_dir if self.kind == "run" else path
        self.record: Bundle | Artifact = (
            Artifact.open(path) if self.kind == "artifact" else _open_bundle(self._folder, self.kind)
        )

    @property
    def name(self) -> str:
        """`bundle` for the float Keras model, else `<target>-<precision>`."""
        return self.record.name if isinstance(self.record, Artifact) else "bundle"

    @property
    def data(self) -> Kind:
        """The kind of data that it answers."""
        return TASKS.get(self.record.task).data

    @property
    def labels(self) -> tuple[str, ...]:
        """Class names in the order of the output."""
        return self.record.labels

    @property
    def preprocessing(self) -> Contract:
        """The contract from a source to the input tensor."""
        return self.record.preprocessing

    @property
    def training(self) -> TrainingView:
        """How the run was trained: a table, curves, range tests, the proof that it resumes."""
        return TrainingView(self._require_run("its training"), progress=self.progress)

    def __repr__(self) -> str:
        return f"Model({str(self.path)!r}, {self.kind} {self.name}, {len(self.labels)} classes)"

    def _repr_html_(self) -> str:
        from tfl.report.tables import html_table

        rows: list[list[Any]] = [
            ["what", f"{self.kind} {self.name}"],
            ["where", str(self.path)],
            ["classes", ", ".join(self.labels[:20]) + (" ..." if len(self.labels) > 20 else "")],
            ["input", self.preprocessing.summary],
            ["backbone", f"{self.record.backbone.spec} ({self.record.backbone.licence})"],
        ]
        if isinstance(self.record, Bundle):
            rows += [[f"test {name}", f"{value:.4f}"] for name, value in self.record.metrics.items()]
        return html_table(["", ""], rows, caption="tfl model")

    def close(self) -> None:
        """Free the engine; it is opened again when needed."""
        if self._runtime is not None:
            self._runtime.close()
            self._runtime = None

    def predict(self, sources: ImageSource | Iterable[ImageSource], *, top: int = 5) -> RecordList[Prediction]:
        """Answer for pictures or texts.

        Args:
            sources: One or many: of pictures paths, bytes, Pillow images or `(height, width, 3)` uint8 arrays; of texts
                the texts themselves, or paths of files of type `pathlib.Path`.
            top: How many classes to rank.

        Raises:
            DataError: A sample can't be read.
        """
        single = isinstance(sources, (str, bytes, Path, np.ndarray)) or hasattr(sources, "convert")
        items: list[Any] = [sources] if single else list(sources)  # type: ignore[arg-type]
        outputs, task = self._outputs(items), TASKS.get(self.record.task)
        names = [str(item) if isinstance(item, (str, Path)) else f"input {index}" for index, item in enumerate(items)]
        return RecordList(
            task.decode(output, self.labels, source=name, top=top) for output, name in zip(outputs, names, strict=True)
        )

    def predict_proba(self, sources: Iterable[ImageSource]) -> Floats:
        """Return the probabilities `(samples, classes)` float32 for samples; see `predict`."""
        return self._outputs(list(sources))

    @retracing_untold()
    def _outputs(self, items: Sequence[Any]) -> Floats:
        runtime = self._open()
        parts: list[Floats] = []
        for batch in self.preprocessing.input_batches(items, size=_BATCH):
            parts.append(runtime.predict(batch))
            self.progress.update("answering", done=sum(map(len, parts)), total=len(items))
        return np.concatenate(parts) if parts else np.empty((0, len(self.labels)), dtype=np.float32)

    def _open(self) -> Runtime:
        if self._runtime is None:
            if self.kind == "artifact":
                self._runtime = open_artifact(self._folder, threads=self._threads)[1]
            else:
                self._runtime = open_bundle(self._folder)[1]
        return self._runtime

    def held_out(self, data: str | Path | None = None, *, split: str | None = None) -> tuple[HeldOut, str]:
        """Find the samples to test on, and the name of their split.

        Args:
            data: A data set; by default the one the run was made from, with the run's own splits.
            split: `train`, `validation`, `test`, a name that the data use, or `all`. The default is the test
                split, and all of a foreign data set that has no splits.

        Raises:
            UserError: There are no data at hand, or no such split.
            DataError: The data have classes that the model does not know.
        """
        manifest, examples, split = self._held_out_examples(data, split)
        return as_held_out(manifest, examples, self.labels), split

    def _held_out_examples(
        self, data: str | Path | None, split: str | None
    ) -> tuple[Manifest, tuple[Example, ...], str]:
        own = self._own_manifest()
        return choose_examples(find_manifest(data, own=own, path=self.path), own=own, split=split)

    def _own_manifest(self) -> Manifest | None:
        return Manifest.load(self.run.manifest_file) if self.run and self.run.manifest_file.is_file() else None

    def evaluate(
        self, data: str | Path | None = None, *, split: str | None = None, by: Sequence[str] = ()
    ) -> Evaluation:
        """Score the model on held-out samples; see `held_out` for which.

        Args:
            data: As in `held_out`.
            split: As in `held_out`.
            by: Columns of the data, `label`, `group`, `split` or folder levels such as `folder:1`; the accuracy of
                each value is in the evaluation's `slices`, the worst first.

        Raises:
            UserError: The data have no such column.
        """
        manifest, examples, split = self._held_out_examples(data, split)
        require_columns(examples, by)
        samples = as_held_out(manifest, examples, self.labels)
        outputs = self._outputs(samples.sources)
        evaluation = TASKS.get(self.record.task).score(
            samples.truth, outputs, labels=self.labels, paths=samples.paths, split=split, model=self.name
        )
        right = [int(answer) == truth for answer, truth in zip(outputs.argmax(axis=1), samples.truth, strict=True)]
        return dataclasses.replace(evaluation, slices=slice_scores(examples, right, by))

    def verify(self, data: str | Path | None = None, *, split: str | None = None) -> RecordTuple[Verification]:
        """Verify the artefact, or every artefact of the run or bundle, each in a fresh process.

        Raises:
            UserError: There is no artefact.
            IntegrityError: A file is missing or altered.
        """
        made = []
        folders = self.artifacts()
        for done, folder in enumerate(folders):
            self.progress.update(f"verifying {folder.name}", done=done, total=len(folders))
            samples, reason = self._verification_samples(folder, data, split)
            made.append(verify_artifact(folder, held_out=samples, reason_without=reason, threads=self._threads))
        return RecordTuple(made)

    def _verification_samples(
        self, artifact_dir: Path, data: str | Path | None, split: str | None
    ) -> tuple[HeldOut | None, str]:
        if data is None and split is None:
            artifact = Artifact.load(artifact_dir / ARTIFACT_FILE)
            simulated = artifact.precision in TARGETS.get(artifact.target).simulated
            samples = HeldOut.of_run(self.run, simulated=simulated) if self.run else None
            return samples, "" if samples else "the held-out pictures are not at hand; name them with --data"
        samples, _ = self.held_out(data, split=split)
        return samples, "the float model's answers to these pictures are not on record, so only the metric is taken"

    def artifacts(self) -> list[Path]:
        """List the artefact folders: itself, or those of the run or bundle.

        Raises:
            UserError: There is none.
        """
        if self.kind == "artifact":
            return [self.path]
        found = sorted(path.parent for path in (self._folder / "artifacts").glob(f"*/{ARTIFACT_FILE}"))
        if not found:
            raise UserError(f"{self.path} has no artefacts.", hint=f"Make some: tfl export {self.path}")
        return found

    def export(
        self,
        targets: Sequence[str] = (),
        precisions: Sequence[str] = DEFAULT_PRECISIONS,
        *,
        calibration_samples: int = 200,
        workers: int = 2,
        fuse_preprocessing: Fusion = "none",
    ) -> ExportSummary:
        """Export and verify; cells that fail are in the summary with the reason.

        Args:
            targets: Names; empty means all.
            precisions: Every target makes those that it can.
            calibration_samples: Training samples for static int8.
            workers: Child processes at a time.
            fuse_preprocessing: What goes into the model files; see `ImagePreprocessing.fused`.

        Raises:
            UserError: A name is unknown, or this is not a run.
        """
        from tfl.core.config import load_config
        from tfl.exports import export_run

        run = self._require_run("export")
        cells = export_run(
            run,
            targets=tuple(targets),
            precisions=tuple(precisions),
            calibration_samples=calibration_samples,
            workers=workers,
            seed=load_config(run).seed,
            fused=fuse_preprocessing,
            progress=self.progress,
        )
        return ExportSummary(cells=tuple(cells))

    def quantize(
        self,
        targets: Sequence[str] = (),
        *,
        settings: LadderSettings | None = None,
        again: bool = False,
    ) -> Quantization:
        """Find for each target the first rung of its ladder whose metric holds; `tfl.compress.ladder_run` says how.

        Args:
            targets: Names; empty means all that have a quantizer.
            settings: How far the metric may fall, who judges, and whether the network may be trained for it.
            again: Climb also where the record of the same question is there.

        Raises:
            UnsupportedError: A target has no quantizer or none of the approach, or the network can't be trained for it.
            UserError: A name is unknown, or this is not a run.
        """
        from tfl.compress.ladder_run import quantize_run
        from tfl.report.quantized import draw_all_flipped

        run = self._require_run("quantization")
        result = quantize_run(run, targets=targets, settings=settings, again=again, progress=self.progress)
        draw_all_flipped(run, result.ladders)
        return result

    def benchmark(
        self, data: str | Path | None = None, *, split: str | None = None, config: BenchmarkConfig | None = None
    ) -> Benchmark:
        """Measure the artefact, or every verified artefact of the run, each in a fresh process.

        A whole run's table is written beside its report.
        """
        from tfl.exports import benchmark_run

        config = config or BenchmarkConfig(threads=self._threads)
        if self.kind == "run" and data is None and split is None and self.run is not None:
            return benchmark_run(self.run, config, progress=self.progress)
        samples = self.held_out(data, split=split)[0]
        return benchmark_artifacts(
            self.artifacts(), held_out=samples, config=config, logs_dir=None, progress=self.progress
        )

    def cells(self) -> RecordTuple[Cell]:
        """Return the run's table of exports, empty before any."""
        run = self._require_run("the table of exports")
        return RecordTuple(ExportSummary.of_run(run).cells)

    def review(self, *, folds: int = 5, most: int = 50, seed: int = 0) -> Review:
        """Find labels of the run's data that are likely wrong, and pictures that are hard to tell.

        Writes a page, and a table for decisions, into the run's folder `review`; see `tfl.review.review_run`.

        Args:
            folds: How many times the data are cut, at least 2.
            most: How many pictures of each kind are listed.
            seed: Of the cut.

        Raises:
            UserError: The model lies in no run, or its pictures are gone.
        """
        from tfl.review import review_run

        run = self._require_run("a review")
        return review_run(run, folds=folds, most=most, seed=seed, progress=self.progress)

    def report(self) -> Path:
        """Write the run's report anew and return the path of the HTML file."""
        from tfl.report.html import write_report

        return write_report(self._require_run("the report").path, progress=self.progress)

    def _require_run(self, purpose: str) -> RunFolder:
        if self.run is None:
            raise UserError(f"{self.path} lies in no run, and {purpose} needs one.", hint="See: tfl runs list")
        return self.run

    def show_predictions(self, count: int = 12, *, seed: int = 0) -> Shown:
        """Show test samples with truth and answer, drawn at random from the seed."""
        samples, _ = self.held_out()
        chosen = chosen_at_random(len(samples.paths), count, seed=seed)
        sources, truth = [samples.sources[index] for index in chosen], [samples.truth[index] for index in chosen]
        path = self._picture("shown_predictions.png")
        return self._evidence.show_answers(sources, truth, self._outputs(sources), self.labels, path)

    def explain(self, text: str | Path, *, label: str | None = None) -> Passages:
        """Shade the words of a text by how much each speaks for an answer; see `tfl.report.occlusion`.

        Args:
            text: To be answered, or the path of its file.
            label: The class to explain; the one that is answered by default.

        Raises:
            UnsupportedError: The model takes no texts.
            UserError: There is no such class.
        """
        return self._evidence.explain(self._outputs, text, self.labels, label=label)

    def confusion_matrix(self) -> Picture:
        """Draw the confusion matrix of the test split."""
        from tfl.report.plots import draw_confusion

        draw_confusion(self.evaluate(), path := self._picture(f"confusion-{self.name}.png"))
        return Picture(path)

    def top_losses(self, count: int = 12) -> Shown:
        """Show the test samples with the largest loss."""
        manifest, _, _ = self._held_out_examples(None, None)
        path = self._picture(f"top-losses-{self.name}.png")
        return self._evidence.show_losses(self.evaluate(), manifest, path, count=count)

    @property
    def _evidence(self) -> Evidence:
        return EVIDENCE.get(TASKS.get(self.record.task).kind)

    def _picture(self, name: str) -> Path:
        folder = self._require_run("a picture").evaluation_dir
        folder.mkdir(parents=True, exist_ok=True)
        return folder / name


def _open_bundle(folder: Path, kind: str) -> Bundle:
    if kind == "run" and not folder.is_dir():
        raise UserError(
            f"{folder.parent} holds no trained model yet.",
            hint=f"Go on with it: tfl run --out {folder.parent} --resume",
        )
    return Bundle.open(folder)


def load(path: str | Path, *, threads: int = 0, progress: Progress | None = None) -> Model:
    """Open a run, a bundle or an artefact.

    Args:
        path: Its folder.
        threads: Processor threads for the engine; 0 lets it choose.
        progress: Told what happens.

    Raises:
        NotFoundError: There is nothing of the kind.
        IntegrityError: A file is missing or altered.
    """
    return Model(Path(path), threads=threads, progress=progress)
