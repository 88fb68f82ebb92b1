"""What is clicked in a notebook: a model to try on samples of one's own, and a cleaner for labels that may be wrong.

Both need `pip install "tfl[notebook]"`. Whatever is clicked can be done without a click: `Model.predict`, and
`tfl data relabel apply` on the same table.
"""

from __future__ import annotations

import html
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tfl.core.errors import TflError, UserError
from tfl.core.extras import require
from tfl.core.run_folder import RunFolder
from tfl.data.manifest import Manifest
from tfl.data.relabel import ACCEPT, KEEP, REMOVE, Review, ReviewItem, read_decisions, write_table
from tfl.model import Model, load
from tfl.report.picture_grids import thumbnail
from tfl.review import REVIEW_FILE, TABLE_FILE
from tfl.tasks import Prediction

_PURPOSE = "widgets in a notebook"
_OPEN = ""


class TryIt:
    """Upload pictures, or type a text, and see what a model answers.

    Args:
        model: A model, or the folder of a run, a bundle or an artefact.
        top: How many classes are shown.

    Attributes:
        widget: To be shown; the object itself shows it as the last expression of a cell.
        predictions: Of what was last asked.

    Raises:
        MissingExtraError: ipywidgets is not installed.
        NotFoundError: There is no such model.
    """

    def __init__(self, model: Model | str | Path, *, top: int = 3) -> None:
        widgets = require("ipywidgets", purpose=_PURPOSE)
        self.model = model if isinstance(model, Model) else load(model)
        self.predictions: list[Prediction] = []
        self._top = top
        self._answer = widgets.HTML()
        if self.model.data.is_drawn:
            self._upload = widgets.FileUpload(accept="image/*", multiple=True, description="Pictures")
            self._upload.observe(self._on_upload, names="value")
            asked = [self._upload]
        else:
            self._text = widgets.Textarea(placeholder="A text of your own", layout={"width": "100%"})
            self._button = widgets.Button(description="Answer", button_style="primary")
            self._button.on_click(self._on_text)
            asked = [self._text, self._button]
        self.widget = widgets.VBox([*asked, self._answer])

    def _ipython_display_(self) -> None:
        require("IPython.display", purpose=_PURPOSE).display(self.widget)

    def _on_upload(self, change: Any) -> None:
        files = change["new"]
        self._show([file["name"] for file in files], [bytes(file["content"]) for file in files])

    def _on_text(self, _: Any) -> None:
        if self._text.value.strip():
            self._show([""], [self._text.value])

    def _show(self, names: Sequence[str], sources: Sequence[Any]) -> None:
        parts, self.predictions = [], []
        for name, source in zip(names, sources, strict=True):
            title = f"<b>{html.escape(name)}</b>" if name else ""
            try:
                (prediction,) = self.model.predict([source], top=self._top)
            except TflError as error:
                parts.append(f"{title}<p style='color:#9c3a06'>{html.escape(error.message)}</p>")
                continue
            self.predictions.append(prediction)
            parts.append(title + _bars(prediction))
        self._answer.value = "".join(parts)


def _bars(prediction: Prediction) -> str:
    rows = "".join(
        f"<tr><td>{html.escape(item.label)}</td><td><meter min='0' max='1' value='{item.probability:.4f}'></meter></td>"
        f"<td>{item.probability:.1%}</td></tr>"
        for item in prediction.ranking
    )
    return f"<table>{rows}</table>"


class Cleaner:
    """Decide on the labels that `tfl data review` names: keep, accept the suggestion, another class, or remove.

    Each decision is written into the review's table at once, so that nothing is lost with the notebook, and one that is
    there already is shown again. `tfl data relabel apply` makes a new version of the data from the table.

    Args:
        run: A run that was reviewed.
        page_size: How many samples are shown at a time.

    Attributes:
        widget: To be shown; the object itself shows it as the last expression of a cell.
        decisions: Path of a sample -> `keep`, `accept`, `remove` or a class.
        table: The file with the decisions.

    Raises:
        MissingExtraError: ipywidgets is not installed.
        NotFoundError: There is no such run.
        UserError: It was not reviewed, or the data are another version by now.
        DataError: The table can't be read.
    """

    def __init__(self, run: str | Path | Model, *, page_size: int = 8) -> None:
        self._widgets = require("ipywidgets", purpose=_PURPOSE)
        folder = RunFolder.find(run.path if isinstance(run, Model) else Path(run))
        place = folder.path / "review"
        if not (place / REVIEW_FILE).is_file():
            raise UserError(f"{folder.path} was not reviewed yet.", hint=f"Review it: tfl data review {folder.path}")
        self.review = Review.load(place / REVIEW_FILE)
        self.table = place / TABLE_FILE
        self._manifest = Manifest.load(folder.manifest_file)
        if self._manifest.fingerprint != self.review.data_fingerprint:
            raise UserError(
                f"The review of {folder.path} is of another version of its data.",
                hint=f"Review it again: tfl data review {folder.path}",
            )
        self.decisions = read_decisions(self.table) if self.table.is_file() else {}
        self._page, self._page_size = 0, page_size
        self._cards = self._widgets.VBox()
        self._status = self._widgets.HTML()
        self._back = self._widgets.Button(description="Back")
        self._next = self._widgets.Button(description="Next")
        self._back.on_click(lambda _: self._turn(-1))
        self._next.on_click(lambda _: self._turn(1))
        buttons = self._widgets.HBox([self._back, self._next, self._status])
        self.widget = self._widgets.VBox([self._cards, buttons])
        self._turn(0)

    def _ipython_display_(self) -> None:
        require("IPython.display", purpose=_PURPOSE).display(self.widget)

    def decide(self, path: str, decision: str) -> None:
        """Write a decision into the table; an empty one opens the sample again.

        Args:
            path: Of a sample of the review.
            decision: `keep`, `accept`, `remove`, a class of the data, or empty.

        Raises:
            UserError: There is no such sample or decision.
            JobError: The table can't be written.
        """
        if path not in {item.path for item in self.review.items}:
            raise UserError(f"'{path}' is not in the review.")
        allowed = (_OPEN, KEEP, ACCEPT, REMOVE, *self._manifest.labels)
        if decision not in allowed:
            raise UserError(f"'{decision}' is no decision.", hint=f"Allowed: {', '.join(filter(None, allowed))}.")
        self.decisions = {**self.decisions, path: decision}
        if decision == _OPEN:
            del self.decisions[path]
        write_table(self.review.items, self.table, decisions=self.decisions)
        self._tell()

    def _turn(self, by: int) -> None:
        pages = max(1, -(-len(self.review.items) // self._page_size))
        self._page = min(max(self._page + by, 0), pages - 1)
        self._back.disabled, self._next.disabled = self._page == 0, self._page == pages - 1
        start = self._page * self._page_size
        self._cards.children = [self._card(item) for item in self.review.items[start : start + self._page_size]]
        self._tell()

    def _tell(self) -> None:
        done, total = len(self.decisions), len(self.review.items)
        self._status.value = (
            f"{done} of {total} decided, written to <code>{html.escape(str(self.table))}</code>."
            f" Then: <code>tfl data relabel apply {html.escape(str(self.table))}</code>"
        )

    def _card(self, item: ReviewItem) -> Any:
        decided = self.decisions.get(item.path, _OPEN)
        options = _options(item, self._manifest.labels)
        # A class that the data do not have yet can be written into the table by hand.
        options += [(decided, decided)] if decided not in {value for _, value in options} else []
        choice = self._widgets.Dropdown(options=options, value=decided, description="Label:")
        choice.observe(lambda change: self.decide(item.path, change["new"]), names="value")
        words = self._widgets.HTML(
            f"<b>{html.escape(item.path)}</b><br>labelled <b>{html.escape(item.label)}</b> ({item.probability:.1%}),"
            f" looks like <b>{html.escape(item.suggested)}</b> ({item.suggested_probability:.1%})"
        )
        return self._widgets.HBox([self._shown(item), self._widgets.VBox([words, choice])])

    def _shown(self, item: ReviewItem) -> Any:
        if item.text:
            return self._widgets.HTML(f"<blockquote dir='auto'>{html.escape(item.text)}</blockquote>")
        pixels = thumbnail(Path(self._manifest.root) / item.path)
        if pixels is None:
            return self._widgets.HTML("<i>the picture can't be read any more</i>")
        from PIL import Image

        stream = io.BytesIO()
        Image.fromarray(pixels).save(stream, "PNG")
        return self._widgets.Image(value=stream.getvalue(), format="png", width=140)


def _options(item: ReviewItem, labels: Sequence[str]) -> list[tuple[str, str]]:
    others = [label for label in labels if label not in (item.label, item.suggested)]
    return [
        ("undecided", _OPEN),
        (f"keep {item.label}", KEEP),
        (f"accept {item.suggested}", ACCEPT),
        ("remove it", REMOVE),
        *((label, label) for label in (item.label, item.suggested, *others)),
    ]
