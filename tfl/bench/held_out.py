"""The held-out samples that artefacts are tested on: their sources, true classes and what the float model said."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np

from tfl.core.errors import IntegrityError
from tfl.core.files import write_atomic
from tfl.core.run_folder import RunFolder
from tfl.data.contract import Floats
from tfl.data.manifest import Example, Manifest, SplitName, are_at_hand

#: More samples than this make a verification longer and no more telling; the rest is left out and said.
MAX_SAMPLES = 2000


@dataclass(frozen=True)
class HeldOut:
    """Samples that no training and no calibration has seen.

    Attributes:
        root: What the paths are relative to.
        paths: POSIX paths.
        truth: Class index of each.
        outputs: `(samples, classes)` float32 of the float model, or None where it is not at hand.
        texts: The text of each sample that stands in a table; empty ones, or none at all, are files.
    """

    root: Path
    paths: tuple[str, ...]
    truth: tuple[int, ...]
    outputs: Floats | None
    texts: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"HeldOut({len(self.paths)} samples below {str(self.root)!r})"

    @classmethod
    def of_examples(cls, root: Path, examples: Sequence[Example], truth: Sequence[int], outputs: Floats | None) -> Self:
        """Take examples.

        Args:
            root: What their paths are relative to.
            examples: The samples.
            truth: Class index of each.
            outputs: As the attribute.
        """
        texts = tuple(example.text for example in examples)
        return cls(
            root, tuple(example.path for example in examples), tuple(truth), outputs, texts if any(texts) else ()
        )

    @property
    def sources(self) -> list[Path | str]:
        """What a preprocessing contract reads: absolute paths, or texts."""
        if not self.texts:
            return [self.root / path for path in self.paths]
        return [text or self.root / path for path, text in zip(self.paths, self.texts, strict=True)]

    def limited(self, count: int = MAX_SAMPLES) -> HeldOut:
        """Return at most `count` samples, evenly spaced over all."""
        if len(self.paths) <= count:
            return self
        chosen = np.linspace(0, len(self.paths) - 1, count).astype(int)
        return HeldOut(
            self.root,
            tuple(self.paths[index] for index in chosen),
            tuple(self.truth[index] for index in chosen),
            None if self.outputs is None else self.outputs[chosen],
            tuple(self.texts[index] for index in chosen) if self.texts else (),
        )

    def save(self, path: Path) -> None:
        """Write an `.npz` that `load` reads back, given the root."""
        arrays: dict[str, Any] = {"paths": np.asarray(self.paths), "truth": np.asarray(self.truth, dtype=np.int64)}
        if self.outputs is not None:
            arrays["outputs"] = self.outputs
        if self.texts:
            # As one run of bytes: an array of texts gives each the room of the longest.
            encoded = [text.encode("utf-8", "surrogatepass") for text in self.texts]
            arrays["texts"] = np.frombuffer(b"".join(encoded), dtype=np.uint8)
            arrays["text_ends"] = np.cumsum([len(text) for text in encoded])
        write_atomic(path, lambda file: np.savez(file, allow_pickle=False, **arrays))

    @classmethod
    def load(cls, path: Path, root: Path) -> HeldOut:
        """Read what `save` wrote.

        Raises:
            IntegrityError: The file is missing or damaged.
        """
        try:
            with np.load(path, allow_pickle=False) as arrays:
                outputs = np.asarray(arrays["outputs"], dtype=np.float32) if "outputs" in arrays else None
                truth = tuple(int(value) for value in arrays["truth"])
                texts = _texts(arrays["texts"], arrays["text_ends"]) if "texts" in arrays else ()
                return cls(root, tuple(str(value) for value in arrays["paths"]), truth, outputs, texts)
        except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
            raise IntegrityError(f"{path} does not hold predictions: {error}.") from error

    @classmethod
    def of_manifest(cls, manifest: Manifest, split: SplitName) -> HeldOut:
        """Take a split of a manifest, without outputs."""
        examples = manifest.of_split(split)
        return cls.of_examples(Path(manifest.root), examples, manifest.label_indices(examples), None)

    @classmethod
    def of_run(cls, run: RunFolder, *, simulated: bool = False) -> HeldOut | None:
        """Take the test split of a run with its float model's answers, or None where its files are gone.

        Args:
            run: The run.
            simulated: Take the answers of the network with quantization simulated instead; None where there is none.
        """
        predictions = run.simulated_predictions_file if simulated else run.predictions_file
        if not predictions.is_file() or not run.manifest_file.is_file():
            return None
        held_out = cls.load(predictions, Path(Manifest.load(run.manifest_file).root))
        return held_out if are_at_hand(held_out.sources) else None


def _texts(data: Any, ends: Any) -> tuple[str, ...]:
    content, starts = data.tobytes(), [0, *ends.tolist()[:-1]]
    return tuple(
        content[start:end].decode("utf-8", "surrogatepass") for start, end in zip(starts, ends.tolist(), strict=True)
    )
