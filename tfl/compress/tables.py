"""Compression and distillation as titles, rows and sentences: for the terminal, the report and notebooks."""

from __future__ import annotations

from tfl.compress.distill import Distillation
from tfl.compress.paired import agresti_min
from tfl.compress.records import Compression, Paired, Size
from tfl.core.tables import Plain
from tfl.tasks import wilson_interval

#: The metric whose interval follows from the counts of right answers.
_SHARE = "accuracy"


def compression_table(made: Compression) -> Plain:
    """Return the network before and after: metric with interval, decisions, size."""
    rows = [
        (
            "before",
            *_metric(made.metric_name, made.metric_before, made.paired, after=False),
            "",
            *_sizes(made.size_before),
        ),
        _after("after, float32", made.metric_name, made.metric_after, made.paired, made.size_after),
    ]
    if made.metric_simulated is not None and made.paired_simulated is not None:
        rows.append(
            _after("after, int8 simulated", made.metric_name, made.metric_simulated, made.paired_simulated, None)
        )
    head = ("model", made.metric_name, "95 % interval", "decisions", "MB", "MB after gzip")
    return Plain(f"{made.settings.method}, on {made.paired.sample_count} test samples", head, tuple(rows))


def _after(name: str, metric_name: str, metric: float, paired: Paired, size: Size | None) -> tuple[str, ...]:
    decisions = f"{paired.only_before} lost, {paired.only_after} won"
    return (name, *_metric(metric_name, metric, paired, after=True), decisions, *_sizes(size))


def _metric(metric_name: str, metric: float, paired: Paired, *, after: bool) -> tuple[str, str]:
    if metric_name != _SHARE:
        return f"{metric:.4f}", ""
    right = paired.both_right + (paired.only_after if after else paired.only_before)
    low, high = wilson_interval(right, paired.sample_count)
    return f"{metric:.4f}", f"{low:.4f} to {high:.4f}"


def _sizes(size: Size | None) -> tuple[str, str]:
    return ("", "") if size is None else (f"{size.raw_bytes / 1e6:.2f}", f"{size.gzip_bytes / 1e6:.2f}")


def drop_line(name: str, metric_name: str, paired: Paired) -> str:
    """Say how far the metric fell and how sure that is, from the decisions on the same samples.

    Args:
        name: What changed, as the sentence begins.
        metric_name: Only a share of right answers has an interval from these counts.
        paired: The counts.
    """
    lost, won, count = paired.only_before, paired.only_after, paired.sample_count
    told = f"{lost} lost and {won} won of {count} test samples, McNemar p = {paired.p_value:.2g}"
    if metric_name != _SHARE:
        return f"{name}: {told}."
    low, high = agresti_min(lost, won, count)
    return (
        f"{name}: a drop of {(lost - won) / count * 100:+.2f} points, 95 % interval {low * 100:+.2f} to"
        f" {high * 100:+.2f} ({told}; Agresti and Min's interval)."
    )


def compression_lines(made: Compression) -> list[str]:
    """Say what was done, what it cost in accuracy and what it gained in size."""
    settings, before, after = made.settings, made.size_before, made.size_after
    kept = ", ".join(f"{step} {epoch}" for step, epoch in made.kept_epochs.items())
    lines = [
        f"Made of {made.source} by {settings.method}: {settings.epochs} epochs a step at a rate of"
        f" {settings.learning_rate:g}, {made.seconds:.0f} s; epochs kept: {kept}. Built anew for the training, the"
        f" network answered within {made.replay_difference:.1g} of the original.",
        drop_line("The new float network against the old one", made.metric_name, made.paired),
    ]
    if made.paired_simulated is not None:
        lines.append(
            drop_line("Quantization simulated, against the old float network", made.metric_name, made.paired_simulated)
        )
    done = []
    if made.sparsity is not None:
        done.append(f"{made.sparsity:.1%} of the weights of the pruned kernels are 0")
    clustered = [item.unique_per_channel for item in made.layers if "clustered" in item.compressed]
    if clustered:
        done.append(f"the clustered kernels have at most {max(clustered)} different weights per channel")
    if made.quantizers:
        done.append(f"{made.quantizers} tensors are quantized")
    if done:
        lines.append(f"Counted in the result: {'; '.join(done)}.")
    lines.append(
        f"The model file has {after.raw_bytes / 1e6:.2f} MB instead of {before.raw_bytes / 1e6:.2f}, after gzip"
        f" {after.gzip_bytes / 1e6:.2f} instead of {before.gzip_bytes / 1e6:.2f}"
        f" ({1 - after.gzip_bytes / before.gzip_bytes:.0%} less)."
    )
    return lines


def layers_table(made: Compression) -> Plain:
    """Return every kernel with its zeros and different values, as counted in the result."""
    rows = tuple(
        (
            item.layer,
            item.kind,
            item.compressed.replace("+", ", ") or "left alone",
            f"{item.weights:,}",
            f"{item.sparsity:.1%}",
            f"{item.unique:,}",
            f"{item.unique_per_channel:,}",
        )
        for item in made.layers
    )
    head = ("layer", "class", "what was asked", "weights", "zeros", "different values", "most in a channel")
    return Plain("Every kernel of the new float network", head, rows)


def epochs_table(made: Compression) -> Plain:
    """Return every epoch, and which were kept."""
    rows = tuple(
        (
            row.step,
            f"{row.epoch}",
            f"{row.loss:.4f}",
            f"{row.validation_loss:.4f}",
            f"{row.validation_accuracy:.4f}",
            "kept" if made.kept_epochs.get(row.step) == row.epoch else "" if row.counts else "could not be kept",
        )
        for row in made.epochs
    )
    head = ("step", "epoch", "loss", "validation loss", "validation accuracy", "")
    return Plain("Every epoch", head, rows)


def distillation_table(made: Distillation) -> Plain:
    """Return teacher, the student without it and the student: metric with interval, decisions, weights."""
    student, weights = made.settings.student, f"{made.student_parameters:,}"
    teacher = _metric(made.metric_name, made.teacher_metric, made.paired, after=False)
    taught = _metric(made.metric_name, made.student_metric, made.paired, after=True)
    decisions = f"{made.paired.only_before} lost, {made.paired.only_after} won"
    alone = ("", "")
    if made.metric_name == _SHARE:
        low, high = wilson_interval(round(made.alone_metric * made.paired.sample_count), made.paired.sample_count)
        alone = ("", f"{low:.4f} to {high:.4f}")
    rows = (
        (f"teacher {made.teacher_backbone}", *teacher, "", f"{made.teacher_parameters:,}"),
        (f"{student}, without it", f"{made.alone_metric:.4f}", alone[1], "", weights),
        (f"{student}, taught", *taught, decisions, weights),
    )
    head = ("network", made.metric_name, "95 % interval", "decisions against the teacher", "weights")
    return Plain(f"Student and teacher on {made.paired.sample_count} test samples", head, rows)


def distillation_lines(made: Distillation) -> list[str]:
    """Say who taught whom and what came of it."""
    settings = made.settings
    share = made.student_parameters / made.teacher_parameters
    kept = f"epoch {made.best_epoch} of {made.epochs}" if made.best_epoch else "no epoch: it stays as it was before"
    return [
        f"{settings.student} learned from {made.teacher} ({made.teacher_backbone}) at temperature"
        f" {settings.temperature:g}, the teacher's share of the loss being {settings.alpha:g}; kept: {kept}. It has"
        f" {share:.0%} of the teacher's weights.",
        drop_line("The student against its teacher", made.metric_name, made.paired),
    ]
