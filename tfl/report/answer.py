"""What the records mean, in sentences: the answer first, the verdict on exports, next steps, limits."""

from __future__ import annotations

import shlex
from dataclasses import dataclass

from tfl.bench.cells import ExportSummary
from tfl.bench.records import Cell
from tfl.bench.scenario_files import newest_result
from tfl.report.facts import KEPT_DROP, Facts, metric_drop
from tfl.report.tables import cell_reason
from tfl.tasks import Evaluation

#: A half interval wider than this (5 points) is worth more test pictures.
_WIDE_HALF_INTERVAL = 0.05
#: Where accuracy is surely below it, another backbone may be worth more than anything else.
_ROOM_ABOVE = 0.95
#: Above this calibration error a stated probability misleads.
_POOR_CALIBRATION = 0.1


@dataclass(frozen=True)
class Step:
    """A next step, with a command to paste where there is one."""

    text: str
    command: str = ""


def headline(facts: Facts) -> list[str]:
    """Answer in plain sentences: does it work, what does it confuse, what would one use?"""
    nouns = facts.data.nouns
    scores = facts.evaluation
    if scores is None and facts.folds is not None:
        found = facts.folds
        return [
            f"In cross-validation {found.mean:.1%} of new {nouns} are recognised"
            f" ({found.confidence * 100:g} % interval {found.low:.1%} to {found.high:.1%}).",
            "That is of the recipe: no model of all data was made, and the test split is still unseen.",
        ]
    if scores is None:
        return ["This run has no evaluation yet, so nothing can be said of how well it works."]
    right = round(scores.accuracy * scores.sample_count)
    sentences = [
        f"{right} of {scores.sample_count} new {nouns} ({scores.accuracy:.1%}) are recognised"
        f" (95 % interval {scores.accuracy_low:.1%} to {scores.accuracy_high:.1%})."
    ]
    baseline = _baseline(scores)
    useful = scores.accuracy_low > baseline
    if not useful:
        sentences.append(
            f"That is not clearly better than always answering the most frequent class ({baseline:.1%}):"
            " it would not work as it is."
        )
    if scores.most_confused:
        worst = scores.most_confused[0]
        times = "once" if worst.count == 1 else f"{worst.count} times"
        sentences.append(f"It most often takes '{worst.truth}' for '{worst.predicted}' ({times}).")
    else:
        sentences.append("It made no mistake on them.")
    best = facts.smallest_good() if useful else None
    if best is not None:
        sentences.append(f"The smallest model that keeps this is {_describe(facts, best)}.")
    fastest = facts.fastest_good()
    if fastest is not None and best is not None and fastest.name != best.name:
        sentences.append(f"The fastest one is {_describe(facts, fastest)}.")
    return sentences


def _describe(facts: Facts, cell: Cell) -> str:
    noun = facts.data.noun
    text = f"{cell.name}: {cell.size_bytes / 1e6:.2f} MB"
    found = facts.measurement_of(cell)
    if found is not None:
        text += (
            f", {_ms(found.model_ms.p50)} per {noun} on this machine"
            f" ({_ms(found.end_to_end_ms.p50)} from {facts.data.source} to answer)"
        )
    return text


def _ms(value: float) -> str:
    """Say milliseconds with two digits at least, since some models answer in hundredths of one."""
    return f"{value:.1f} ms" if value >= 1 else f"{value:.2g} ms"


def _baseline(scores: Evaluation) -> float:
    return max(item.support for item in scores.per_class) / scores.sample_count


def verdict(facts: Facts) -> tuple[str, str]:
    """Return the state of the exports (`good`, `bad` or `none`) and the sentence for it."""
    if not facts.cells:
        return "none", "Nothing was exported yet."
    tried = [cell for cell in facts.cells if cell.status != "unsupported"]
    skipped = len(facts.cells) - len(tried)
    tail = f" {skipped} more can't be made by their target; the table says why." if skipped else ""
    failed, verified = facts.failed(), facts.verified()
    if failed:
        names = ", ".join(cell.name for cell in failed)
        why = f" {cell_reason(failed[0])}" if len(failed) == 1 else " The table of exports says why."
        return "bad", f"{len(failed)} of {len(tried)} exports FAILED: {names}.{why} {len(verified)} are verified.{tail}"
    if len(verified) < len(tried):
        names = ", ".join(cell.name for cell in tried if cell not in verified)
        return "bad", f"{len(tried) - len(verified)} of {len(tried)} exports are not verified: {names}.{tail}"
    not_measured = len(facts.benchmark.failures) if facts.benchmark else 0
    if not_measured and facts.benchmark:
        names = ", ".join(facts.benchmark.failures)
        return "bad", f"All {len(tried)} exports are verified, but {names} could not be measured.{tail}"
    return "good", f"All {len(tried)} exports are verified, each in a fresh process.{tail}"


def next_steps(facts: Facts) -> list[Step]:
    """Say what to do next, the most useful first."""
    nouns, noun = facts.data.nouns, facts.data.noun
    run = shlex.quote(str(facts.folder.path))
    steps = []
    if facts.record is not None and facts.record.status in ("failed", "stopped") and not facts.failed():
        command = " ".join(part for part in ("tfl run", facts.data_words, "--out", run, "--resume") if part)
        steps.append(Step("Go on with this run; what is done is kept.", command))
    if (other := backbone_step(facts)) is not None:
        steps.append(other)
    if facts.failed():
        steps.append(Step("Read why exports failed, in the table below and in the logs, and export again."))
    if climbed := ExportSummary(cells=facts.cells).to_climb():
        command = f"tfl quantize {run} --target {','.join(climbed)}"
        steps.append(Step("Let tfl look for a quantization that keeps the answers.", command))
    if facts.check is not None and (facts.check.errors or facts.check.warnings):
        found = f"{_count(facts.check.errors, 'error')} and {_count(facts.check.warnings, 'warning')}"
        steps.append(Step(f"Look at the data: {found} below."))
    if facts.evaluation is not None:
        steps += _steps_from_scores(facts.evaluation, nouns)
    best = facts.smallest_good()
    if best is not None:
        artefact = shlex.quote(str(facts.folder.path / best.artifact_dir))
        steps.append(Step(f"Try {best.name} on a {noun} of your own.", f"tfl predict {artefact} {facts.data.example}"))
    elif facts.bundle is not None:
        steps.append(Step(f"Try the model on a {noun} of your own.", f"tfl predict {run} {facts.data.example}"))
    if facts.bundle is not None and not facts.cells:
        steps.append(Step("Export it for the device it is for.", f"tfl export {run}"))
    if facts.verified() and facts.benchmark is None:
        steps.append(Step("Measure the exports.", f"tfl benchmark {run}"))
    elif facts.benchmark is not None and facts.benchmark.noise_floor is None:
        steps.append(Step("Measure again in rounds, to know the noise.", f"tfl benchmark {run} --rounds 3"))
    if facts.benchmark is not None and newest_result(facts.folder.benchmarks_dir) is None:
        command = f"tfl benchmark {run} --scenario single-stream,offline,server"
        steps.append(Step("Measure under load, to know how sure the figures are and which to take.", command))
    return steps


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def backbone_step(facts: Facts) -> Step | None:
    """Lead from a weak backbone to a comparison, where there is much to gain and the data can still be named."""
    scores, bundle = facts.evaluation, facts.bundle
    if scores is None or bundle is None or not facts.data_words or scores.accuracy_high >= _ROOM_ABOVE:
        return None
    start = f"This model started from {bundle.backbone.spec} (its weights: {bundle.backbone.weights_origin})"
    text = f"Try other pretrained networks on your {facts.data.nouns}. {start}; another may recognise more."
    return Step(text, f"tfl models recommend {facts.data_words}")


def _steps_from_scores(scores: Evaluation, nouns: str) -> list[Step]:
    steps = []
    wrong = scores.sample_count - round(scores.accuracy * scores.sample_count)
    if wrong:
        steps.append(Step("Look at the worst answers: some may be wrong labels, which are cheap to mend."))
    half = (scores.accuracy_high - scores.accuracy_low) / 2
    if half > _WIDE_HALF_INTERVAL:
        known = f"the accuracy is only known to ± {half * 100:.0f} points"
        steps.append(Step(f"Add test {nouns}: with {scores.sample_count} {known}."))
    if scores.most_confused and scores.most_confused[0].count > 1:
        worst = scores.most_confused[0]
        steps.append(Step(f"Add training {nouns} that tell '{worst.truth}' from '{worst.predicted}'."))
    return steps


def limits(facts: Facts) -> list[str]:
    """Say what the figures do not show."""
    nouns, noun = facts.data.nouns, facts.data.noun
    lines = []
    scores = facts.evaluation
    if scores is not None:
        lines.append(
            f"The accuracy stands on {scores.sample_count} {nouns} of the same source as the training data; {nouns}"
            f" {facts.data.elsewhere} can do worse."
        )
        lines.append(
            f"It always answers with one of its {len(scores.labels)} classes, also for a {noun} of something else."
        )
        rare = [item.label for item in scores.per_class if item.support < 10]
        if rare:
            lines.append(
                f"Fewer than 10 test {nouns} each, so their own figures say little: {', '.join(rare[:10])}"
                f"{' and more' if len(rare) > 10 else ''}."
            )
        if scores.calibration_error > _POOR_CALIBRATION:
            lines.append(
                f"Its probabilities are off by {scores.calibration_error:.2f} on average; do not read them as chances."
            )
    if facts.manifest is not None and "test" in facts.manifest.split_names.values():
        names = [given for given, split in facts.manifest.split_names.items() if split == "test"]
        lines.append(f"The data came split: '{names[0]}' is what was scored, and it chose nothing in training.")
    if facts.search is not None and facts.search.data_fingerprint and not facts.has_search_splits:
        lines.append(
            f"The settings were searched on other {nouns} or splits, so the test {nouns} may have chosen them."
        )
    if facts.benchmark is not None:
        lines.append("Latency, throughput and memory hold for the machine named below and no other.")
    proofs = [cell.verification for cell in facts.cells if cell.verification is not None]
    lines += list(dict.fromkeys(f"{proof.artifact}: {proof.note}" for proof in proofs if proof.note))
    lost = [cell for cell in facts.verified() if (metric_drop(cell) or 0.0) > KEPT_DROP]
    for cell in lost:
        lines.append(
            f"{cell.name} is verified inside its limits but loses {(metric_drop(cell) or 0) * 100:.1f} points."
        )
    if facts.bundle is not None and facts.bundle.backbone.licence == "unknown":
        lines.append("The licence of the backbone is not known: ask before the model is used in a product.")
    return lines
