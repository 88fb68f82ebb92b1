"""What is clicked in a notebook: a model to try on samples of one's own, and a cleaner for labels that may be wrong.

Both need `pip install "tfl[notebook]"`. Whatever is clicked can be done without a click: `Model.predict`, and
`tfl data relabel apply` on the same table.
"""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tfl.core.errors import ConfigError, DataError, TflError, UserError
from tfl.core.extras import require
from tfl.core.progress import Progress
from tfl.core.run_folder import RunFolder
from tfl.data.decode import ImageSource, decode
from tfl.data.manifest import Manifest
from tfl.data.relabel import ACCEPT, KEEP, REMOVE, Review, ReviewItem, read_decisions, write_table
from tfl.model import Model, load
from tfl.review import REVIEW_FILE, TABLE_FILE
from tfl.tasks import Prediction

_PURPOSE = "widgets in a notebook"
_OPEN = ""
_DECIDED, _UNDECIDED = "decided", "undecided"
_SIDE_PX = 140
#: The lines of ipywidgets touch, and a long path would leave a phone's window.
_READABLE = "line-height:1.5;overflow-wrap:anywhere"
#: Of what stands side by side and is to stand below one another where there is no room.
_ROW = {"flex_flow": "row wrap", "align_items": "flex-start", "width": "100%"}
_AS_WIDE_AS_ITS_WORDS = {"width": "auto", "max_width": "100%", "align_self": "flex-start"}


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
        self._answer = widgets.HTML(value=_said("Nothing was asked yet."))
        if self.model.data.is_drawn:
            self._upload = widgets.FileUpload(
                accept="image/*", multiple=True, description="Upload pictures", layout=_AS_WIDE_AS_ITS_WORDS
            )
            self._upload.observe(self._on_upload, names="value")
            asked = [self._upload]
        else:
            self._text = widgets.Textarea(
                description="Text", placeholder="A text of your own", rows=4, layout={"width": "auto"}
            )
            self._button = widgets.Button(description="Answer", layout=_AS_WIDE_AS_ITS_WORDS)
            self._button.on_click(self._on_text)
            asked = [self._text, self._button]
        self.widget = widgets.VBox([*asked, self._answer])

    def __repr__(self) -> str:
        return f"TryIt({self.model!r})"

    def _ipython_display_(self) -> None:
        require("IPython.display", purpose=_PURPOSE).display(self.widget)

    def _on_upload(self, change: Any) -> None:
        files = change["new"]
        self._show([file["name"] for file in files], [bytes(file["content"]) for file in files])

    def _on_text(self, _: Any) -> None:
        if self._text.value.strip():
            self._show([""], [self._text.value])
        else:
            self._answer.value = _said("There is no text yet. Type one above.")

    def _show(self, names: Sequence[str], sources: Sequence[Any]) -> None:
        parts: list[str] = []
        self.predictions = []
        # What a click brings has a place of its own; progress would be shown in another.
        shown, self.model.progress = self.model.progress, Progress()
        try:
            for name, source in zip(names, sources, strict=True):
                try:
                    (prediction,) = self.model.predict([source], top=self._top)
                except TflError as error:
                    parts.append(f"<b>{html.escape(name)}</b>: {html.escape(error.message)}")
                    continue
                self.predictions.append(prediction)
                picture = _picture(source, name) if self.model.data.is_drawn else ""
                parts.append(f"{picture}{_bars(prediction, name or 'Your text')}")
        finally:
            self.model.progress = shown
        self._answer.value = _said("".join(f"<div style='margin:0.5em 0'>{part}</div>" for part in parts))


def _said(content: str) -> str:
    """Return HTML that a screen reader reads out when it comes."""
    return f"<div role='status' style='{_READABLE}'>{content}</div>"


def _bars(prediction: Prediction, title: str) -> str:
    rows = "".join(
        f"<tr><th scope='row' style='text-align:left;padding-right:1em'><bdi>{html.escape(item.label)}</bdi></th>"
        f"<td><meter min='0' max='1' value='{item.probability:.4f}' aria-label='probability'></meter></td>"
        f"<td style='text-align:right;padding-left:1em'>{item.probability:.1%}</td></tr>"
        for item in prediction.ranking
    )
    caption = f"<caption style='text-align:left'>{html.escape(title)}</caption>"
    return f"<table>{caption}<tbody>{rows}</tbody></table>"


def _picture(source: ImageSource, words: str) -> str:
    """Return a picture of one size as HTML, with what stands for it where it can't be seen."""
    from PIL import Image, ImageOps

    try:
        image = decode(source)
    except DataError:
        return "<i>The picture can't be read any more.</i>"
    stream = io.BytesIO()
    # A tiny one is enlarged: somebody has to tell what it shows.
    ImageOps.contain(image, (_SIDE_PX, _SIDE_PX), Image.Resampling.LANCZOS).save(stream, "PNG")
    content = base64.b64encode(stream.getvalue()).decode("ascii")
    return f"<img alt='{html.escape(words)}' src='data:image/png;base64,{content}' style='max-width:100%'>"


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
        ConfigError: A page of no sample is asked for.
        DataError: The table can't be read.
    """

    def __init__(self, run: str | Path | Model, *, page_size: int = 8) -> None:
        if page_size < 1:
            raise ConfigError(f"page_size: must be at least 1. Received: {page_size}.")
        widgets = require("ipywidgets", purpose=_PURPOSE)
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
        self._before: list[tuple[str, str]] = []
        self._cards = widgets.VBox(layout={"width": "100%"})
        self._status = widgets.HTML(layout={"width": "100%"})
        self._back = _button("Back", lambda: self._turn(-1))
        self._next = _button("Next", lambda: self._turn(1))
        self._undo = _button("Undo", self._take_back)
        buttons = widgets.HBox([self._back, self._next, self._undo], layout=_ROW)
        # The same buttons above and below: by keyboard the next samples follow them, by mouse they are where one ends.
        rows = [self._cards, buttons] if self.review.items else []
        self.widget = widgets.VBox([self._status, *([buttons] if rows else []), *rows])
        self._turn(0)

    def __repr__(self) -> str:
        return f"Cleaner({len(self.decisions)} of {len(self.review.items)} decided, {str(self.table)!r})"

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
        self._write(path, decision)
        self._tell()

    def _write(self, path: str, decision: str) -> None:
        before = self.decisions.get(path, _OPEN)
        changed = {**self.decisions, path: decision}
        if decision == _OPEN:
            changed.pop(path)
        write_table(self.review.items, self.table, decisions=changed)
        self.decisions = changed
        self._before.append((path, before))

    def _take_back(self) -> None:
        if self._before:
            path, decision = self._before[-1]
            if self._try(path, decision, "as it was before"):
                # The one that was undone, and the undoing itself.
                del self._before[-2:]
                self._undo.disabled = not self._before

    def _try(self, path: str, decision: str, words: str) -> bool:
        """Write what was clicked, and show what came of it: nobody would see an error of a click."""
        try:
            self._write(path, decision)
        except TflError as error:
            self._tell(f"NOT written: {error.message}")
            return False
        self._tell(f"{path}: {words}.")
        return True

    def _turn(self, by: int) -> None:
        pages = max(1, -(-len(self.review.items) // self._page_size))
        self._page = min(max(self._page + by, 0), pages - 1)
        self._back.disabled, self._next.disabled = self._page == 0, self._page == pages - 1
        self._shown = [_Card(item, self._manifest, self._try) for item in self._items_shown()]
        self._cards.children = [card.widget for card in self._shown]
        self._tell()

    def _items_shown(self) -> Sequence[ReviewItem]:
        start = self._page * self._page_size
        return self.review.items[start : start + self._page_size]

    def _tell(self, first: str = "") -> None:
        self._undo.disabled = not self._before
        for card in self._shown:
            card.show(self.decisions.get(card.item.path, _OPEN))
        done, total = len(self.decisions), len(self.review.items)
        if not total:
            self._status.value = _said("The review names no sample: there is nothing to decide.")
            return
        start = self._page * self._page_size + 1
        table = html.escape(str(self.table))
        lines = [html.escape(first)] if first else []
        lines += [
            f"Samples {start} to {start + len(self._shown) - 1} of {total}. {done} of {total} decided,"
            f" written to <code>{table}</code>.",
            f"{'All are decided' if done == total else 'When you are done'}, make the new version of the data:"
            f" <code>tfl data relabel apply {table}</code>",
        ]
        self._status.value = _said("<br>".join(lines))


class _Card:
    """One sample with its buttons, which stay the same ones so that the keyboard's place is kept."""

    def __init__(self, item: ReviewItem, manifest: Manifest, decide: Callable[[str, str, str], object]) -> None:
        widgets = require("ipywidgets", purpose=_PURPOSE)
        self.item, self._decide = item, decide
        is_doubted = item.suggested != item.label
        accept = {ACCEPT: f"Change to {item.suggested}"} if is_doubted else {}
        self._words = {KEEP: f"Keep {item.label}", **accept, REMOVE: "Remove"}
        self.buttons = {name: self._button(name) for name in self._words}
        self._others = [label for label in manifest.labels if label not in (item.label, item.suggested)]
        self.choice = widgets.Dropdown(
            options=[("", _OPEN)],
            description="Other class",
            style={"description_width": "initial"},
            layout=_AS_WIDE_AS_ITS_WORDS,
            tooltip=f"Another class for {item.path}",
        )
        self._decided, self._is_showing = _OPEN, False
        self.choice.observe(self._on_choice, names="value")
        self._state = widgets.HTML()
        shown = _quoted(item.text) if item.text else _picture(Path(manifest.root) / item.path, item.path)
        looks = f"looks like <b>{html.escape(item.suggested)}</b> ({item.suggested_probability:.1%})"
        told = (
            f"<b>{html.escape(item.path)}</b><br>labelled <b>{html.escape(item.label)}</b> ({item.probability:.1%}),"
            f" {looks if is_doubted else 'the likeliest class, but far from sure'}"
        )
        asked = widgets.HBox([*self.buttons.values(), self.choice], layout=_ROW)
        words = widgets.HTML(value=f"<div style='{_READABLE}'>{told}</div>")
        right = widgets.VBox([words, asked, self._state], layout={"flex": "1 1 260px", "min_width": "0"})
        layout = {**_ROW, "border_top": "1px solid", "padding": "8px 0", "grid_gap": "4px 16px"}
        self.widget = widgets.HBox([widgets.HTML(value=shown), right], layout=layout)

    def _button(self, decision: str) -> Any:
        button = _button(self._words[decision], lambda: self._on_click(decision))
        button.tooltip = f"{self._words[decision]}: {self.item.path}"
        return button

    def _on_click(self, decision: str) -> None:
        # The same once more opens the sample again.
        again = decision == self._decided
        words = _UNDECIDED if again else self._words[decision]
        self._decide(self.item.path, _OPEN if again else decision, words)

    def _on_choice(self, change: Any) -> None:
        if not self._is_showing:
            label = change["new"]
            self._decide(self.item.path, label, f"change to {label}" if label else _UNDECIDED)

    def show(self, decision: str) -> None:
        """Mark what is decided, in words too."""
        self._decided, self._is_showing = decision, True
        for name, button in self.buttons.items():
            words = f"\N{CHECK MARK} {self._words[name]}" if name == decision else self._words[name]
            # Writing the same again would be sent again.
            if button.description != words:
                button.description = words
        is_class = decision not in (_OPEN, KEEP, ACCEPT, REMOVE)
        # A class that the data do not have yet can be written into the table by hand.
        others = [*self._others, *([decision] if is_class and decision not in self._others else [])]
        options = [("choose ...", _OPEN), *((label, label) for label in others)]
        if list(self.choice.options) != options:
            self.choice.options = options
        self.choice.value = decision if is_class else _OPEN
        self.choice.layout.display = None if others else "none"
        self._state.value = f"<i>{_DECIDED if decision else _UNDECIDED}</i>"
        self._is_showing = False


def _button(words: str, clicked: Callable[[], None]) -> Any:
    button = require("ipywidgets", purpose=_PURPOSE).Button(description=words, layout=_AS_WIDE_AS_ITS_WORDS)
    button.on_click(lambda _: clicked())
    return button


def _quoted(text: str) -> str:
    return f"<blockquote dir='auto' style='margin:0;{_READABLE}'>{html.escape(text)}</blockquote>"
