"""Distillation: a small network learns from what a large one answers, and not from the labels alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from tfl.bundle import Bundle
from tfl.compress.records import Paired
from tfl.core.errors import ConfigError, UnsupportedError
from tfl.core.files import sha256_text, write_atomic
from tfl.core.progress import Progress
from tfl.core.records import Record
from tfl.core.tables import html_lines
from tfl.data.contract import Floats
from tfl.data.manifest import Manifest, SplitName
from tfl.data.store import open_rows
from tfl.training.network import input_like

_BATCH = 32
#: Smallest probability that a logarithm is taken of: the step of float32 below 1.
_LEAST = 1e-7


@dataclass(frozen=True, kw_only=True)
class DistillSettings(Record):
    """How a student learns from a teacher.

    Attributes:
        student: Its backbone, as `source:name`.
        temperature: What both networks' logits are divided by, above 0; high ones show what the teacher holds for
            possible.
        alpha: Share of the teacher in the loss, in [0, 1]; the truth has the rest.
        features: Weight of the distance to the teacher's features; 0 leaves them out.
        epochs: At most.
        learning_rate: Constant, of the optimizer that the teacher's run names.
        batch_size: Samples per step.
        layers: How many of the student's last layers learn; 0 means all.
        batch_norm: As in `TrainConfig`.
        seed: Of the order and the augmentation.
    """

    student: str
    temperature: float = 4.0
    alpha: float = 0.9
    features: float = 0.0
    epochs: int = 20
    learning_rate: float = 1e-4
    batch_size: int = 32
    layers: int = 0
    batch_norm: Literal["frozen", "learn"] = "frozen"
    seed: int = 0

    @property
    def suffix(self) -> str:
        """What the student's run has in its name behind that of the teacher's."""
        return self.student.rpartition(":")[2]

    def __post_init__(self) -> None:
        rules = {
            "temperature": (self.temperature > 0.0, "above 0"),
            "alpha": (0.0 <= self.alpha <= 1.0, "in [0, 1]"),
            "features": (self.features >= 0.0, "at least 0"),
            "epochs": (self.epochs >= 1, "at least 1"),
            "learning_rate": (0.0 < self.learning_rate < 1.0, "above 0 and below 1"),
            "batch_size": (self.batch_size >= 1, "at least 1"),
            "layers": (self.layers >= 0, "at least 0"),
        }
        problems = [
            f"{name}: must be {rule}. Received: {getattr(self, name)!r}."
            for name, (good, rule) in rules.items()
            if not good
        ]
        if problems:
            raise ConfigError("\n".join(problems))


@dataclass(frozen=True, kw_only=True)
class Distillation(Record):
    """Who taught whom, and what came of it.

    Attributes:
        teacher: The teacher's run, as a path.
        teacher_backbone: Its backbone.
        teacher_fingerprint: SHA-256 of its model file.
        settings: What was asked for.
        metric_name: The task's metric, on the test split.
        teacher_metric: Of the teacher.
        alone_metric: Of the student before the teacher: its frozen backbone with a head that learned from the labels.
        student_metric: Of the student.
        paired: The student against the teacher.
        teacher_parameters: How many weights the teacher has.
        student_parameters: How many the student has.
        epochs: Epochs done.
        best_epoch: The one that was kept; 0 is the state before the teacher.
        speed: Whether anything was measured.
    """

    teacher: str
    teacher_backbone: str
    teacher_fingerprint: str
    settings: DistillSettings
    metric_name: str
    teacher_metric: float
    alone_metric: float
    student_metric: float
    paired: Paired
    teacher_parameters: int
    student_parameters: int
    epochs: int
    best_epoch: int
    speed: str = "not measured; run tfl benchmark on the exports"

    def _repr_html_(self) -> str:
        from tfl.compress.tables import distillation_lines, distillation_table

        return distillation_table(self).html() + html_lines([*distillation_lines(self), f"Speed: {self.speed}."])


@dataclass(frozen=True)
class Answers:
    """What the teacher says to a split, untouched pictures in the manifest's order.

    Attributes:
        outputs: `(samples, classes)` float32 probabilities.
        features: `(samples, features)` float32 of its backbone, standardized; no columns where they are not asked for.
    """

    outputs: Floats
    features: Floats


def teacher_answers(
    bundle: Bundle, model: Any, manifest: Manifest, *, features: bool, file: Path, progress: Progress
) -> dict[SplitName, Answers]:
    """Ask the teacher about the training and validation splits once; a file of the same question is read again.

    Features have mean 0 and deviation 1 over the training split, so that the weight of their distance means the same
    for every teacher.

    Args:
        bundle: The teacher's record.
        model: Its Keras model.
        manifest: With splits.
        features: Whether its backbone's features are asked for.
        file: Where the answers are kept.
        progress: Told what happens.

    Raises:
        UnsupportedError: The teacher has no backbone and head of its own, and features are asked for.
    """
    splits: tuple[SplitName, ...] = ("train", "validation")
    key = sha256_text(bundle.fingerprint, manifest.fingerprint, str(features))
    if file.is_file():
        with np.load(file, allow_pickle=False) as arrays:
            if str(arrays["key"]) == key:
                return {split: Answers(arrays[f"{split}_outputs"], arrays[f"{split}_features"]) for split in splits}
    backbone = _backbone_of(model) if features else None
    found: dict[SplitName, Answers] = {}
    for split in splits:
        examples, contract = manifest.of_split(split), bundle.preprocessing
        rows = open_rows(examples, manifest.root, contract, cache_dir=file.parent, progress=progress)
        outputs, seen = [], []
        for start in range(0, len(rows), _BATCH):
            batch = contract.prepare(np.asarray(rows[start : start + _BATCH]))
            outputs.append(np.asarray(model.predict_on_batch(batch), dtype=np.float32))
            seen.append(
                np.zeros((len(batch), 0), np.float32)
                if backbone is None
                else np.asarray(backbone.predict_on_batch(batch))
            )
            progress.update(f"the teacher answers ({split})", done=start + len(batch), total=len(rows))
        found[split] = Answers(np.concatenate(outputs), np.concatenate(seen).astype(np.float32))
    found = _standardized(found)
    arrays_of = {f"{split}_outputs": found[split].outputs for split in splits}
    arrays_of |= {f"{split}_features": found[split].features for split in splits}
    write_atomic(file, lambda path: np.savez(path, allow_pickle=False, key=np.asarray(key), **arrays_of))
    return found


def _standardized(found: dict[SplitName, Answers]) -> dict[SplitName, Answers]:
    if not found["train"].features.shape[1]:
        return found
    mean, std = found["train"].features.mean(axis=0), found["train"].features.std(axis=0)
    std = np.where(std > 0.0, std, 1.0)
    return {
        split: Answers(item.outputs, ((item.features - mean) / std).astype(np.float32)) for split, item in found.items()
    }


def _backbone_of(model: Any) -> Any:
    import keras

    parts = [layer for layer in model.layers if isinstance(layer, keras.Model)]
    if len(parts) != 2:
        raise UnsupportedError(
            f"The teacher '{model.name}' is not one backbone and one head, so its features can't be found.",
            hint="Leave out --features.",
        )
    return parts[0]


def label_rows(labels: Any, class_count: int, answers: Answers) -> Floats:
    """Put truth, the teacher's answer and its features side by side: `(samples, 2 classes + features)` float32."""
    truth = np.eye(class_count, dtype=np.float32)[np.asarray(labels)]
    return np.concatenate([truth, answers.outputs, answers.features], axis=1)


def student_network(backbone: Any, head: Any, *, feature_count: int, dropout: float, seed: int) -> tuple[Any, Any]:
    """Build what is trained: `(batch, height, width, 3)` -> logits and, projected, the teacher's features.

    The projection is the regressor of Romero et al., "FitNets", 2015; it is thrown away after the training.

    Args:
        backbone: The student's.
        head: As the task builds it; its dense layer gives the initial weights.
        feature_count: How many features the teacher has; 0 for none.
        dropout: Rate before the dense layers.
        seed: Of dropout and of the projection's initial weights.

    Returns:
        The network, and its layer of logits, whose weights the head's dense layer takes after the training.
    """
    import keras

    from tfl.training.network import dense_of

    inputs = input_like(backbone)
    features = backbone(inputs)
    kept = keras.layers.Dropout(dropout, seed=seed, name="student_dropout")(features)
    given = dense_of(head).get_weights()
    logits = keras.layers.Dense(given[0].shape[1], name="logits")
    outputs = logits(kept)
    logits.set_weights(given)
    if feature_count:
        start = keras.initializers.GlorotUniform(seed=seed)
        projected = keras.layers.Dense(feature_count, kernel_initializer=start, name="projection")(features)
        outputs = keras.layers.Concatenate(name="logits_and_features")([outputs, projected])
    return keras.Model(inputs, outputs, name="student"), logits


def distillation_loss(settings: DistillSettings, class_count: int) -> Callable[[Any, Any], Any]:
    """Return the loss of rows of `label_rows` and outputs of `student_network`: `(batch,)`.

    `alpha T^2 KL(p_T || q_T) + (1 - alpha) H(y, q) + features mean (f - g)^2`, with p_T and q_T the softmax of logits
    divided by T. The factor T^2 keeps the gradients of the soft part as large as those of the hard one at every
    temperature (Hinton, Vinyals and Dean, "Distilling the knowledge in a neural network", 2015, section 2).

    Args:
        settings: Of the distillation.
        class_count: How many classes there are.
    """
    from keras import ops

    heat = settings.temperature

    def loss(rows: Any, outputs: Any) -> Any:
        truth, teacher = rows[:, :class_count], rows[:, class_count : 2 * class_count]
        logits = outputs[:, :class_count]
        # The teacher's logits up to a constant, which the softmax takes away.
        expected = ops.log_softmax(ops.log(ops.maximum(teacher, _LEAST)) / heat)
        received = ops.log_softmax(logits / heat)
        soft = ops.sum(ops.exp(expected) * (expected - received), axis=-1)
        hard = -ops.sum(truth * ops.log_softmax(logits), axis=-1)
        total = settings.alpha * heat**2 * soft + (1.0 - settings.alpha) * hard
        if settings.features:
            apart = ops.square(rows[:, 2 * class_count :] - outputs[:, class_count:])
            total = total + settings.features * ops.mean(apart, axis=-1)
        return total

    return loss


def accuracy_of(class_count: int) -> Callable[[Any, Any], Any]:
    """Return the metric `accuracy` of the same rows and outputs: `(batch,)`."""
    from keras import ops

    def accuracy(rows: Any, outputs: Any) -> Any:
        right = ops.argmax(rows[:, :class_count], axis=-1) == ops.argmax(outputs[:, :class_count], axis=-1)
        return ops.cast(right, "float32")

    return accuracy
