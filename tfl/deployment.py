"""What a notebook calls from a trained model to an artefact in use: measure, choose, compress, teach."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tfl.bench.choice import Bounds, Choice
from tfl.bench.scenario_files import make_suite
from tfl.benchmarking import Measured, benchmark_scenarios
from tfl.benchmarking import recommend_artifact as choose_artifact
from tfl.compress.distill import Distillation, DistillSettings
from tfl.compress.records import Compression, CompressSettings
from tfl.compression import compress_run
from tfl.core.errors import ConfigError, NotFoundError, UserError
from tfl.core.files import IfExists
from tfl.core.progress import Progress
from tfl.core.run_folder import RunFolder
from tfl.data.manifest import Manifest
from tfl.distillation import distill_run
from tfl.model import Model, load
from tfl.report.evidence import EVIDENCE, Shown
from tfl.report.picture import Picture
from tfl.report.quantized import read_ladders
from tfl.resizing import artifact_dir_of


@dataclass(frozen=True)
class Recommended:
    """An artefact to take, or the closest where none keeps the bounds.

    Attributes:
        choice: The record: every option with its figures, and the reason.
        run: The run.
    """

    choice: Choice
    run: RunFolder

    def __repr__(self) -> str:
        return f"Recommended({self.choice.picked!r}: {self.choice.reason})"

    def _repr_html_(self) -> str:
        return self.choice._repr_html_()

    @property
    def artifact_dir(self) -> Path:
        """Folder of the picked artefact.

        Raises:
            NotFoundError: None keeps the bounds.
        """
        name = next((item.artifact for item in self.choice.options if item.name == self.choice.picked), "")
        if not name:
            raise NotFoundError(self.choice.reason, hint="Ask with other bounds.")
        return artifact_dir_of(self.run, name)

    def open(self, *, threads: int = 0) -> Model:
        """Open the picked artefact with its own engine.

        Args:
            threads: Processor threads; 0 lets the engine choose.

        Raises:
            NotFoundError: None keeps the bounds.
        """
        return load(self.artifact_dir, threads=threads)

    def show(self) -> Picture:
        """Draw every option with the bounds: accuracy against latency, memory against size."""
        from tfl.report.choice_chart import choice_summary, draw_choice

        path = self.run.path / "recommendation.png"
        draw_choice(self.choice, path)
        # Only a report writes the words beside the picture, and its bounds may be others.
        return Picture(path, choice_summary(self.choice))


@dataclass(frozen=True)
class MadeSmaller:
    """A run whose network was made of another one's.

    Attributes:
        record: What was done and what came of it.
        model: The new run.
    """

    record: Compression | Distillation
    model: Model

    def __repr__(self) -> str:
        return f"MadeSmaller({self.model!r}, record={self.record!r})"

    def _repr_html_(self) -> str:
        return self.record._repr_html_()


def benchmark(
    model: Model | str | Path,
    scenarios: Sequence[str] = ("single-stream",),
    *,
    artifacts: Sequence[str] = (),
    sweep: Mapping[str, Sequence[int]] | None = None,
    rounds: int = 3,
    seconds: float = 2.0,
    least_queries: int = 400,
    latency_bound_ms: float | None = None,
    seed: int = 0,
    data: str | Path | None = None,
    split: str | None = None,
    progress: Progress | None = None,
) -> Measured:
    """Measure a model's artefacts under load, as `tfl benchmark --scenario` does, and keep record and timings.

    Args:
        model: A run, a bundle or an artefact, or its folder.
        scenarios: `single-stream`, `multi-stream`, `offline`, `server`.
        artifacts: Only these, such as `openvino-int8`; all by default.
        sweep: Values of `batch`, `threads`, `lanes` and `size` (of the input).
        rounds: Fresh processes per cell.
        seconds: How long each figure is measured at least.
        least_queries: How many queries a percentile is taken from at least.
        latency_bound_ms: Of the server scenario's p99; five times the unloaded median by default.
        seed: Of orders and arrivals.
        data: Real pictures with classes; by default the run's held-out ones.
        split: A split of them.
        progress: Told what happens.

    Raises:
        ConfigError: The suite can't be planned.
        JobError: Nothing could be measured.
    """
    if isinstance(scenarios, str):
        raise ConfigError(f"scenarios: must be a list of names. Received: {scenarios!r}.", hint=f"[{scenarios!r}]")
    suite = make_suite(
        {
            "scenarios": list(scenarios),
            "artifacts": list(artifacts),
            "sweep": {name: list(values) for name, values in (sweep or {}).items()},
            "rounds": rounds,
            "seconds": seconds,
            "least_queries": least_queries,
            "latency_bound_ms": latency_bound_ms,
            "seed": seed,
        }
    )
    opened = model if isinstance(model, Model) else load(model, progress=progress)
    return benchmark_scenarios(opened, suite, data=data, split=split)


def recommend_artifact(
    model: Model | str | Path,
    *,
    max_latency_ms: float | None = None,
    min_accuracy: float | None = None,
    max_size_mb: float | None = None,
    max_memory_mb: float | None = None,
    percentile: float = 90.0,
) -> Recommended:
    """Recommend one of a run's artefacts by its newest benchmark, as `tfl recommend` does.

    Args:
        model: A run or its folder.
        max_latency_ms: Of one picture, tensor in, tensor out.
        min_accuracy: Of the task's metric, in (0, 1].
        max_size_mb: Of the model files, in 10^6 bytes.
        max_memory_mb: Of the whole process, in 10^6 bytes.
        percentile: Of the latency: 50, 90 or 99.

    Raises:
        UserError: Nothing was measured, or it is no run.
        ConfigError: A bound is out of range.
    """
    run = _run_of(model, "a recommendation")
    bounds = Bounds.asked(
        max_latency_ms=max_latency_ms,
        min_metric=min_accuracy,
        max_size_mb=max_size_mb,
        max_memory_mb=max_memory_mb,
        percent=percentile,
    )
    return Recommended(choose_artifact(run.path, bounds), run)


def show_flipped(model: Model | str | Path, target: str) -> Shown:
    """Show the test samples that the quantized model of a target decides otherwise than the float model.

    Args:
        model: A run whose ladder was climbed, or its folder.
        target: Such as `openvino`.

    Raises:
        NotFoundError: The target's ladder was not climbed.
    """
    run = _run_of(model, "a ladder")
    known = {ladder.target: ladder for ladder in read_ladders(run)}
    if target not in known:
        raise NotFoundError(
            f"{run.path} has no ladder of '{target}'. There is: {', '.join(known) or 'none'}.",
            hint=f"Climb it: tfl quantize {run.path} --target {target}",
        )
    path = run.quantize_dir / f"{target}-flipped-shown.png"
    manifest = Manifest.load(run.manifest_file)
    return EVIDENCE.get(manifest.kind).show_flipped(known[target], manifest, path)


def compress_model(
    model: Model | str | Path,
    method: str,
    *,
    out: str | Path | None = None,
    if_exists: IfExists = "refuse",
    progress: Progress | None = None,
    **settings: Any,
) -> MadeSmaller:
    """Train a run's network smaller, as `tfl compress` does; the result is a run of its own.

    Args:
        model: A run or its folder.
        method: `qat`, `prune`, `cluster`, or several joined by `+`.
        out: Folder of the new run; `<run>-<method>` by default.
        if_exists: `refuse`, `resume` or `overwrite` a run that is there.
        progress: Told what happens.
        **settings: Fields of `CompressSettings`, such as `epochs=5`, `sparsity=0.8`. Unknown names are errors.

    Raises:
        ConfigError: A setting is unknown or out of range.
        UserError: See `tfl.compression.compress_run`.
    """
    run = _run_of(model, "a compression")
    asked = CompressSettings.from_dict({"method": method, **settings})
    place = Path(out) if out is not None else run.beside(asked.suffix)
    made = compress_run(run.path, asked, out=place, if_exists=if_exists, progress=progress)
    return MadeSmaller(made, load(place, progress=progress))


def distill_model(
    model: Model | str | Path,
    student: str,
    *,
    out: str | Path | None = None,
    if_exists: IfExists = "refuse",
    progress: Progress | None = None,
    **settings: Any,
) -> MadeSmaller:
    """Let a smaller network learn from a run's, as `tfl distill` does; the result is a run of its own.

    Args:
        model: The teacher's run or its folder.
        student: Its backbone, `source:name`.
        out: Folder of the new run; `<run>-<student>` by default.
        if_exists: `refuse`, `resume` or `overwrite` a run that is there.
        progress: Told what happens.
        **settings: Fields of `DistillSettings`, such as `temperature=2.0`. Unknown names are errors.

    Raises:
        ConfigError: A setting is unknown or out of range.
        UserError: See `tfl.distillation.distill_run`.
    """
    run = _run_of(model, "a distillation")
    asked = DistillSettings.from_dict({"student": student, **settings})
    place = Path(out) if out is not None else run.beside(asked.suffix)
    made = distill_run(run.path, asked, out=place, if_exists=if_exists, progress=progress)
    return MadeSmaller(made, load(place, progress=progress))


def _run_of(model: Model | str | Path, purpose: str) -> RunFolder:
    if not isinstance(model, Model):
        return RunFolder.find(Path(model))
    if model.run is None:
        raise UserError(f"{model.path} lies in no run, and {purpose} needs one.", hint="See: tfl runs list")
    return model.run
