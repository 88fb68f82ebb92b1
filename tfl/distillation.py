"""A run whose network learned from another run's: an ordinary run folder with one record more."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from tfl.backbones import backbone_info
from tfl.bench.held_out import HeldOut
from tfl.bundle import Bundle
from tfl.compress.distill import (
    Answers,
    Distillation,
    DistillSettings,
    accuracy_of,
    distillation_loss,
    label_rows,
    student_network,
    teacher_answers,
)
from tfl.compression import (
    begin_derived_run,
    keep_settings,
    manifest_to_learn_from,
    paired,
    require_trained,
    save_ending,
    with_training,
)
from tfl.core.augmentation import resolve_augmentation
from tfl.core.config import RunConfig, load_config
from tfl.core.energy import EnergyMeter
from tfl.core.errors import IntegrityError, TflError
from tfl.core.extras import require
from tfl.core.files import IfExists
from tfl.core.notebook import default_progress
from tfl.core.progress import Progress
from tfl.core.run_folder import RunFolder
from tfl.data.manifest import Manifest, SplitName
from tfl.data.store import open_rows
from tfl.pipeline import do_stages
from tfl.run_log import plan_log
from tfl.run_record import StageMeter
from tfl.sealing import seal
from tfl.targets import load_float_model
from tfl.tasks import TASKS
from tfl.training.augment import make_augmenter
from tfl.training.bundle_writer import predict_rows
from tfl.training.checkpoint import StageState
from tfl.training.feed import make_feed, preparer
from tfl.training.fit import Trained, fit
from tfl.training.goals import Goals
from tfl.training.logs import TrainingLog
from tfl.training.mix import make_mixer
from tfl.training.network import dense_of, thaw_top
from tfl.training.optimizer import make_optimizer
from tfl.training.samples import make_samples
from tfl.training.stage import StagePlan, run_stage

_SETTINGS_FILE = "distill.json"


def distill_run(
    run: str | Path,
    settings: DistillSettings,
    *,
    out: str | Path | None = None,
    if_exists: IfExists = "refuse",
    command: str = "python",
    progress: Progress | None = None,
) -> Distillation:
    """Teach a smaller network by a run's own, on the run's own training split.

    The student first gets a head on its frozen backbone, from the labels alone; from there it learns as a whole from
    the teacher's answers, which are computed once, to the untouched pictures. The validation split chooses the epoch.

    Args:
        run: The teacher's run, whose training is done.
        settings: What to do.
        out: Folder of the new run; by default `<run>-<student>` beside it.
        if_exists: `resume` goes on after the last checkpoint.
        command: The command line, for the record.
        progress: Told what happens.

    Returns:
        The record, also saved as `distillation.json` in the new run.

    Raises:
        NotFoundError: There is no such student.
        DataError: The run's pictures are gone.
        OutputExistsError: The folder exists, or was begun with other settings.
        TflError: The training failed.
    """
    progress = progress or default_progress()
    teacher = RunFolder.find(Path(run))
    require_trained(teacher)
    # A name that nobody knows must not leave a run behind.
    backbone_info(settings.student)
    bundle, manifest = Bundle.open(teacher.bundle_dir), manifest_to_learn_from(teacher)
    folder = RunFolder(Path(out) if out is not None else teacher.beside(settings.suffix))
    config = _student_config(load_config(teacher), settings)
    record = begin_derived_run(teacher, folder, config, if_exists=if_exists, command=command)
    keep_settings(folder.path / _SETTINGS_FILE, settings)
    config, meter = load_config(folder), StageMeter(EnergyMeter())
    plan_log(config, folder, record, manifest)
    if "train" in record.stages:
        made = Distillation.load(folder.distillation_file)
    else:
        progress.stage(f"Teaching {settings.student}", number=1, total=1)
        try:
            made = _teach(teacher, bundle, folder, manifest, config, settings, progress)
        except (TflError, KeyboardInterrupt) as error:
            save_ending(record, folder, error)
            raise
        made.save(folder.distillation_file)
        record = with_training(record, meter)
        record.save(folder.record_file)
    do_stages(config, folder, record, stages=("evaluate", "report"), progress=progress)
    return made


def _student_config(config: RunConfig, settings: DistillSettings) -> RunConfig:
    train = dataclasses.replace(config.train, fine_tune_epochs=0, unfreeze=(), precision="float32")
    model = dataclasses.replace(config.model, backbone=settings.student, image_size=None)
    return dataclasses.replace(config, model=model, train=train)


def _teach(
    teacher: RunFolder,
    bundle: Bundle,
    folder: RunFolder,
    manifest: Manifest,
    config: RunConfig,
    settings: DistillSettings,
    progress: Progress,
) -> Distillation:
    trained = fit(manifest, config, folder, progress=progress)
    progress.update("loading the teacher")
    model = load_float_model(teacher.bundle_dir)
    answers = teacher_answers(
        bundle,
        model,
        manifest,
        features=settings.features > 0.0,
        file=folder.training_dir / "teacher.npz",
        progress=progress,
    )
    examples, contract = manifest.of_split("test"), trained.backbone.info.preprocessing
    rows = open_rows(examples, manifest.root, contract, cache_dir=folder.work_dir, progress=progress)
    truth, task = tuple(manifest.label_indices(examples)), TASKS.get(config.task)
    alone = task.metric_of(truth, predict_rows(trained.model, rows, contract, progress=progress))
    state = _learn(trained, answers, manifest, config, folder, settings, progress)
    metric = seal(trained, manifest, folder, task=config.task, progress=progress)
    root = Path(manifest.root)
    before, taught = (HeldOut.load(place.predictions_file, root) for place in (teacher, folder))
    if before.outputs is None or taught.outputs is None or before.paths != taught.paths:
        raise IntegrityError(f"{teacher.predictions_file} is not of the run's test split.")
    return Distillation(
        teacher=str(teacher.path.resolve()),
        teacher_backbone=bundle.backbone.spec,
        teacher_fingerprint=bundle.fingerprint,
        settings=settings,
        metric_name=task.metric,
        teacher_metric=task.metric_of(truth, before.outputs),
        alone_metric=alone,
        student_metric=metric,
        paired=paired(before.outputs, taught.outputs, truth),
        teacher_parameters=int(model.count_params()),
        student_parameters=int(trained.model.count_params()),
        epochs=state.epoch,
        best_epoch=state.best_epoch,
    )


def _learn(
    trained: Trained,
    answers: dict[SplitName, Answers],
    manifest: Manifest,
    config: RunConfig,
    folder: RunFolder,
    settings: DistillSettings,
    progress: Progress,
) -> StageState:
    """Train the student as a whole; its model has the best epoch's weights afterwards."""
    keras = require("keras", purpose="distillation")
    # The classifier is one backbone and one head; see `join`.
    backbone, head = (layer for layer in trained.model.layers if isinstance(layer, keras.Model))
    keras.utils.set_random_seed(settings.seed)
    thaw_top(backbone, settings.layers, batch_norm=settings.batch_norm)
    count, feature_count = len(manifest.labels), answers["train"].features.shape[1]
    student, logits = student_network(
        backbone, head, feature_count=feature_count, dropout=config.model.dropout, seed=settings.seed
    )
    training, validation = _feeds(trained, answers, manifest, config, folder, settings, progress)
    loss, metric = distillation_loss(settings, count), accuracy_of(count)
    train = dataclasses.replace(config.train, schedule="constant", warmup=0.0)

    def compile_with(factor: float) -> None:
        optimizer = make_optimizer(train, settings.learning_rate * factor, steps=settings.epochs * len(training))
        student.compile(optimizer, loss=loss, metrics=[metric], jit_compile=False)

    plan = StagePlan(
        "distill",
        settings.epochs,
        train.patience,
        True,
        folder.training_dir / "distill.state",
        train.checkpoint_s,
        train.checkpoint_steps,
    )
    log = TrainingLog(folder.training_dir)
    try:
        state = run_stage(
            plan,
            student,
            compile_with=compile_with,
            training=training,
            validation=validation,
            goals=Goals(train),
            log=log,
            progress=progress,
        )
    finally:
        log.close()
    dense_of(head).set_weights(logits.get_weights())
    backbone.trainable = True
    _save_summary(trained, state, folder)
    return state


def _save_summary(trained: Trained, state: StageState, folder: RunFolder) -> None:
    before = trained.summary
    summary = dataclasses.replace(
        before,
        epochs={**before.epochs, "distill": state.epoch},
        best_epochs={**before.best_epochs, "distill": state.best_epoch},
        stopped_by={**before.stopped_by, "distill": state.stopped_by},
    )
    summary.save(folder.training_dir / "summary.json")


def _feeds(
    trained: Trained,
    answers: dict[SplitName, Answers],
    manifest: Manifest,
    config: RunConfig,
    folder: RunFolder,
    settings: DistillSettings,
    progress: Progress,
) -> tuple[Any, Any]:
    augmentation = resolve_augmentation(config.train.augmentation, config.augment)
    contract = trained.backbone.info.preprocessing
    samples = make_samples(manifest, contract, augmentation, work_dir=folder.work_dir, progress=progress)
    count = samples.class_count
    training = make_feed(
        samples.train.rows(large=samples.large),
        label_rows(samples.train.labels, count, answers["train"]),
        batch_size=settings.batch_size,
        prepare=make_augmenter(augmentation, contract, seed=settings.seed),
        # Answers and features are mixed in the same shares as the pictures.
        mix=make_mixer(augmentation, seed=settings.seed),
        class_count=count,
        shuffle_seed=1000 * settings.seed + 1,
    )
    validation = make_feed(
        samples.validation.rows(),
        label_rows(samples.validation.labels, count, answers["validation"]),
        batch_size=settings.batch_size,
        prepare=preparer(contract),
    )
    return training, validation
