"""How a run's model was trained, for a notebook: the table, the curves, the range tests, the proof of resuming."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tfl.core.errors import UserError
from tfl.core.progress import Progress
from tfl.core.run_folder import RunFolder
from tfl.report.picture import Picture
from tfl.training.fit import TrainingSummary
from tfl.training.logs import read_history
from tfl.training.resume_proof import ResumeProof, prove_resume


class TrainingView:
    """What is on record of a run's training.

    Args:
        run: Whose training is done.
        progress: Told what happens.

    Attributes:
        summary: How it went.
        history: A row per epoch: `stage`, `epoch`, `loss`, `accuracy`, `val_loss`, `val_accuracy`, `learning_rate`.

    Raises:
        IntegrityError: The record is missing or damaged.
    """

    def __init__(self, run: RunFolder, *, progress: Progress | None = None) -> None:
        self._run = run
        self._progress = progress
        self.summary = TrainingSummary.load(run.training_dir / "summary.json")
        self.history: list[dict[str, Any]] = read_history(run.training_dir)

    def __repr__(self) -> str:
        return f"TrainingView({str(self._run.path)!r}, {len(self.history)} epochs, {self.summary.seconds:.1f} s)"

    def _repr_html_(self) -> str:
        from tfl.report.tables import html_table
        from tfl.report.training_table import TRAINING_HEAD, training_rows

        caption = f"Training of {self._run.path}: {self.summary.seconds:.1f} s, {self.summary.policy}"
        return html_table(TRAINING_HEAD, training_rows(self.summary, self.history), caption=caption)

    def show_curves(self) -> Picture:
        """Draw loss and accuracy over the epochs of all stages."""
        from tfl.report.charts import draw_curves

        path = self._picture("curves.png")
        draw_curves(self.history, path)
        return Picture(path)

    def show_rates(self) -> Picture:
        """Draw the range tests of learning rates.

        Raises:
            UserError: There was none.
        """
        from tfl.report.charts import draw_rate_tests
        from tfl.report.plots import read_rate_tests

        tests = read_rate_tests(self._run.path)
        if not tests:
            raise UserError(
                f"{self._run.path} had no range test of learning rates.",
                hint='Train with learning_rate="find" or fine_tune_learning_rate="find".',
            )
        path = self._picture("rates.png")
        draw_rate_tests(tests, path)
        return Picture(path)

    def prove_resume(self, *, steps: int = 20) -> ResumeProof:
        """Train the recipe anew for some steps, straight and with two stops, and compare; the run stays as it is.

        Args:
            steps: Of training, at least 3.

        Raises:
            UserError: Too few steps.
            TflError: The training failed.
        """
        return prove_resume(self._run, steps=steps, progress=self._progress)

    def _picture(self, name: str) -> Path:
        self._run.evaluation_dir.mkdir(parents=True, exist_ok=True)
        return self._run.evaluation_dir / name
