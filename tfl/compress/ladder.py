"""Climbing one target's ladder: rung by rung until the metric holds on samples that are neither test nor calibration.

Runs in a process of its own. Exports, which may need TensorFlow, are made in further processes, so that the
target's engine, which scores every model, never shares one with TensorFlow.
"""

from __future__ import annotations

import dataclasses
import math
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tfl.bundle import Recipe
from tfl.compress.ladder_records import (
    Climb,
    LadderSettings,
    LayerError,
    LayerGain,
    SampleUse,
    Sensitivity,
    SpeedRatio,
    Try,
)
from tfl.compress.ladder_scores import ChoiceSet, Judge, compare_speed
from tfl.compress.ranking import Score, search_layers
from tfl.core.errors import JobError, TflError
from tfl.data.contract import Rows
from tfl.targets import Exported, ExportRequest, Quantizer, Rung, export_draws, export_files

_FLOAT = "fp32"
_INTEGER = "int8"
_SENSITIVITY_DRAWS = 3
#: Samples that the errors of the layers are taken on; every inner value of each is held in memory.
_ERROR_SAMPLES = 8
_SPEED_SAMPLES = 16
#: A mixed model with more of its layers in float is int8 by its name alone: integer weights cost less then.
MOST_IN_FLOAT = 0.5


@dataclass(frozen=True)
class Paths:
    """Where a climb reads and writes.

    Attributes:
        bundle_dir: The bundle, whose digests have been checked.
        saved_model_dir: Its staged SavedModel.
        simulation_dir: A `Simulation` of the bundle for the rungs that are trained for, or None.
        scratch: Receives every model that is tried.
        log_path: Of the exports' processes.
    """

    bundle_dir: Path
    saved_model_dir: Path
    simulation_dir: Path | None
    scratch: Path
    log_path: Path


@dataclass(frozen=True)
class _Model:
    """A model that was written."""

    folder: Path
    exported: Exported
    precision: str
    recipe: Recipe | None
    sample_count: int


class Climber:
    """Tries the rungs of one target.

    Args:
        judge: Opens and scores.
        paths: Where to read and write.
        settings: What was asked for.
        use: How many samples do what.
        calibration: `(samples, height, width, 3)` uint8, those that were asked for first.
        choice: The samples that judge.
        tell: Called with what happens.
    """

    def __init__(
        self,
        judge: Judge,
        paths: Paths,
        *,
        settings: LadderSettings,
        use: SampleUse,
        calibration: Rows,
        choice: ChoiceSet,
        tell: Callable[[str], None],
    ) -> None:
        self._judge, self._paths, self._settings, self._use = judge, paths, settings, use
        self._calibration, self._choice, self._tell = calibration, choice, tell
        self._plain: dict[tuple[str, int], _Model] = {}
        self._quantizer: Quantizer | None = None
        self._written = 0

    def climb(self, names: Sequence[str]) -> Climb:
        """Try one rung after the other until one holds.

        Args:
            names: Of the target's rungs, those to try, in this order.

        Raises:
            UnsupportedError: The target can't calibrate as asked for.
            TflError: The float model can't be exported.
        """
        rungs = self._rungs(names)
        first = rungs[0]
        if first.recipe is None:
            # One process imports the converter once for both.
            self._export((_FLOAT, first.precision), self._count_of(first))
        reference = self._exported(_FLOAT, 0)
        tries: list[Try] = []
        chosen: _Model | None = None
        for rung in rungs:
            self._tell(f"{self._judge.target_name}: trying {rung.name}, {rung.summary}")
            start = time.perf_counter()
            try:
                tried, model = self._try(rung, reference)
            except TflError as error:
                tried, model = _failed(rung, error.message), None
            tries.append(dataclasses.replace(tried, seconds=time.perf_counter() - start))
            if tried.status == "holds":
                chosen = model
                break
        exported = chosen.exported if chosen else None
        return Climb(
            tries=tuple(tries),
            chosen=tries[-1].rung if chosen else "",
            model_dir=chosen.folder.relative_to(self._paths.scratch).as_posix() if chosen else "",
            signature=exported.signature if exported else None,
            model_files=exported.model_files if exported else (),
            float_size_bytes=_size_bytes(reference),
            layer_errors=self._layer_errors(),
            sensitivity=self._sensitivity(chosen) if chosen else None,
        )

    def _rungs(self, names: Sequence[str]) -> list[Rung]:
        method = self._settings.calibration_method
        known = {rung.name: rung for rung in self._judge.target.rungs}
        rungs = [known[name] for name in names if name in known]
        if not method:
            return rungs
        # What the user wants sets the ranges of every rung that the quantizer writes.
        wanted = []
        for rung in rungs:
            if rung.precision == _INTEGER:
                recipe = dataclasses.replace(rung.recipe or Recipe(), calibration=method)
                self._tool().check(recipe)
                summary = f"{rung.summary}; here by the quantizer, ranges by {method}"
                rung = dataclasses.replace(rung, recipe=recipe, summary=summary)
            wanted.append(rung)
        return wanted

    def _count_of(self, rung: Rung) -> int:
        use = self._use.more_calibration if rung.samples == "all" else self._use.calibration
        return use.sample_count

    def _try(self, rung: Rung, reference: _Model) -> tuple[Try, _Model]:
        count = self._count_of(rung)
        ranking: tuple[LayerGain, ...] = ()
        if rung.recipe is None:
            model = self._exported(rung.precision, count)
        elif rung.search == "none":
            model = self._write(rung.recipe, count)
        else:
            self._written = 0
            model, ranking = self._search(rung.recipe, count)
        answers = self._judge.answer(model.folder, model.exported, model.precision, self._choice)
        drop = self._judge.drop(answers, self._choice)
        holds = self._within(drop.high if self._settings.confident else drop.drop)
        tried = Try(
            rung=rung.name,
            precision=rung.precision,
            summary=rung.summary,
            status="holds" if holds else "drops",
            reason=f"at most {MOST_IN_FLOAT:.0%} of the layers may stay in float" if ranking and not holds else "",
            recipe=model.recipe,
            calibration_samples=model.sample_count,
            drop=drop,
            log_loss=self._judge.score(answers, self._choice).log_loss,
            size_bytes=_size_bytes(model),
            speed=self._speed(reference, model),
            ranking=ranking,
            models_tried=self._written if rung.search == "layers" else 1,
        )
        return tried, model

    def _within(self, drop: float) -> bool:
        return drop <= self._settings.max_drop + 1e-9

    def _speed(self, reference: _Model, model: _Model) -> SpeedRatio:
        inputs = self._judge.bundle.preprocessing.prepare(np.asarray(self._choice.rows[:_SPEED_SAMPLES]))
        with (
            self._judge.open(reference.folder, reference.exported, _FLOAT) as first,
            self._judge.open(model.folder, model.exported, model.precision) as second,
        ):
            return compare_speed(first, second, inputs, seed=self._settings.seed)

    def _search(self, recipe: Recipe, count: int) -> tuple[_Model, tuple[LayerGain, ...]]:
        """Rank every layer by the metric, then leave as few as do in float."""
        tool, few = self._tool(), self._choice.evenly(self._use.ranking_samples)

        def with_floats(kept: Sequence[str]) -> Recipe:
            return dataclasses.replace(recipe, float_layers=tuple(name for name in tool.layers if name in set(kept)))

        def score_with(kept: Sequence[str]) -> Score:
            self._tell(f"{self._judge.target_name}: ranking {len(tool.layers)} layers, model {self._written + 1}")
            model = self._write(with_floats(kept), count)
            answers = self._judge.answer(model.folder, model.exported, _INTEGER, few)
            shutil.rmtree(model.folder)
            return self._judge.score(answers, few)

        def holds(kept: Sequence[str]) -> bool:
            self._tell(f"{self._judge.target_name}: {len(kept)} of {len(tool.layers)} layers in float")
            model = self._write(with_floats(kept), count)
            answers = self._judge.answer(model.folder, model.exported, _INTEGER, self._choice)
            shutil.rmtree(model.folder)
            drop = self._judge.drop(answers, self._choice)
            return self._within(drop.high if self._settings.confident else drop.drop)

        most = max(1, math.floor(MOST_IN_FLOAT * len(tool.layers)))
        found = search_layers(tool.layers, score_with=score_with, holds=holds, most=most)
        left = [gain.layer for gain in found.gains[: found.count or most]]
        ranking = tuple(
            LayerGain(
                layer=gain.layer,
                metric_gain=gain.metric,
                log_loss_gain=gain.log_loss,
                given=gain.given,
                left_in_float=gain.layer in left,
            )
            for gain in found.gains
        )
        return self._write(with_floats(left), count), ranking

    def _tool(self) -> Quantizer:
        if self._quantizer is None:
            self._quantizer = self._new_tool(self._calibration)
        return self._quantizer

    def _new_tool(self, calibration: Rows) -> Quantizer:
        request = ExportRequest(
            bundle=self._judge.bundle,
            bundle_dir=self._paths.bundle_dir,
            saved_model_dir=self._paths.saved_model_dir,
            out_dir=self._paths.scratch,
            shared_dir=self._paths.scratch,
            precision=_INTEGER,
            calibration_rows=calibration,
        )
        return self._judge.target.quantizer(request, float_dir=self._exported(_FLOAT, 0).folder)

    def _write(self, recipe: Recipe, count: int, *, tool: Quantizer | None = None) -> _Model:
        self._written += 1
        folder = self._fresh("written")
        folder.mkdir(parents=True)
        exported = (tool or self._tool()).write(recipe, folder, sample_count=count)
        return _Model(folder, exported, _INTEGER, recipe, count)

    def _fresh(self, kind: str) -> Path:
        number = 0
        while (folder := self._paths.scratch / f"{kind}-{number}").exists():
            number += 1
        return folder

    def _exported(self, precision: str, count: int) -> _Model:
        calibrated = precision in self._judge.target.calibrated
        key = (precision, count if calibrated else 0)
        if key not in self._plain:
            self._export((precision,), count)
        return self._plain[key]

    def _export(self, precisions: tuple[str, ...], count: int) -> None:
        folder = self._fresh("exported")
        made = export_files(
            self._paths.bundle_dir,
            folder,
            target=self._judge.target_name,
            precisions=precisions,
            saved_model_dir=self._paths.saved_model_dir,
            calibration_rows=np.asarray(self._calibration[:count]) if count else None,
            simulation_dir=self._paths.simulation_dir,
            log_path=self._paths.log_path,
        )
        for precision, exported in made.items():
            if isinstance(exported, TflError):
                if precision == _FLOAT or len(made) == 1:
                    raise exported
                continue
            used = count if precision in self._judge.target.calibrated else 0
            self._plain[(precision, used)] = _Model(folder / precision, exported, precision, None, used)

    def _layer_errors(self) -> tuple[LayerError, ...]:
        """Say where the all-int8 model is far from float; nothing where no quantizer was needed."""
        recipe = next((rung.recipe for rung in self._judge.target.rungs if rung.search == "layers"), None)
        if self._quantizer is None or recipe is None:
            return ()
        if self._settings.calibration_method:
            recipe = dataclasses.replace(recipe, calibration=self._settings.calibration_method)
        inputs = self._judge.bundle.preprocessing.prepare(np.asarray(self._choice.rows[:_ERROR_SAMPLES]))
        count = self._use.calibration.sample_count
        errors = self._quantizer.layer_errors(recipe, inputs, sample_count=count)
        return tuple(LayerError(layer=name, relative_error=value) for name, value in errors.items())

    def _sensitivity(self, chosen: _Model) -> Sensitivity | None:
        """Make the chosen model again with other draws of calibration samples."""
        if not chosen.sample_count:
            return None
        pool = len(self._calibration)
        # A draw of all samples would be the same three times.
        count = min(chosen.sample_count, max(1, (2 * pool + 2) // 3))
        self._tell(f"{self._judge.target_name}: calibrating anew with {_SENSITIVITY_DRAWS} other draws")
        generators = [np.random.default_rng((self._settings.seed, draw)) for draw in range(_SENSITIVITY_DRAWS)]
        draws = [
            np.asarray(self._calibration[np.sort(generator.choice(pool, count, replace=False))])
            for generator in generators
        ]
        drops = []
        for model in self._again(chosen, draws):
            answers = self._judge.answer(model.folder, model.exported, model.precision, self._choice)
            drops.append(self._judge.drop(answers, self._choice).drop)
        note = f"{_SENSITIVITY_DRAWS} draws of {count} of the {pool} samples that are set aside for calibration"
        return Sensitivity(sample_count=count, drops=tuple(drops), spread=max(drops) - min(drops), note=note)

    def _again(self, chosen: _Model, draws: Sequence[Rows]) -> list[_Model]:
        """Make a model once per draw of calibration samples."""
        if chosen.recipe is not None:
            return [self._write(chosen.recipe, len(rows), tool=self._new_tool(rows)) for rows in draws]
        folder = self._fresh("again")
        made = export_draws(
            self._paths.bundle_dir,
            folder,
            draws,
            target=self._judge.target_name,
            precision=chosen.precision,
            saved_model_dir=self._paths.saved_model_dir,
            log_path=self._paths.log_path,
        )
        models = []
        for number, exported in enumerate(made):
            if isinstance(exported, TflError):
                raise JobError(f"The export could be made with one draw of samples and not with another: {exported}")
            place = folder / str(number) / chosen.precision
            models.append(_Model(place, exported, chosen.precision, None, len(draws[number])))
        return models


def _size_bytes(model: _Model) -> int:
    return sum((model.folder / name).stat().st_size for name in model.exported.model_files)


def _failed(rung: Rung, reason: str) -> Try:
    return Try(
        rung=rung.name,
        precision=rung.precision,
        summary=rung.summary,
        status="failed",
        reason=reason,
        recipe=rung.recipe,
    )
