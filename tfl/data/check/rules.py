"""The rules of the data check: how bad it is to break one, and what to do."""

from __future__ import annotations

from typing import Literal

Severity = Literal["error", "warning", "info"]

#: Every rule, with how bad it is and what to do; `fix_of` puts in what samples are called. A rule's name is what
#: `--allow` takes.
RULES: dict[str, tuple[Severity, str]] = {
    "unreadable": ("error", "Replace or delete the file, or leave such files out with --skip-bad."),
    "one_class": ("error", "Add a class; a classifier needs at least two."),
    "too_few": ("error", "Add {nouns} to the class, or leave it out."),
    "label_conflict": ("error", "Keep the {noun} in the class it belongs to and delete the other copy."),
    "label_spelling": ("error", "Merge the two classes, or give them names that a person tells apart."),
    "group_leakage": ("error", "Put the whole group on one side of the split."),
    "leakage": ("error", "Delete the copy from one side of the split."),
    "near_leakage": ("error", "Put nearly equal {nouns} on one side of the split, or delete one of them."),
    "missing_in_train": ("error", "Add training {nouns} of the class, or leave it out of the other splits."),
    "bad_row": ("error", "Mend the line of the table, or delete it."),
    "missing_file": ("error", "Put the file where the table says, or delete its line."),
    "empty_text": ("error", "Write the text or delete the row, or leave such rows out with --skip-bad."),
    "duplicate_row": ("warning", "Delete one of the two lines; the file counts once."),
    "unused": ("warning", "Put it into a class folder, or move it elsewhere."),
    "label_look_alike": ("warning", "Rename one of them if they are the same class."),
    "split_like_class": ("warning", "Rename it, or put train, val and test folders at the top, each with all classes."),
    "few": ("warning", "Add {nouns}; with under ten of a class the figures say little."),
    "duplicate": ("warning", "Delete the copies; they weigh twice in training."),
    "near_duplicate": ("warning", "Keep one of them, or leave them: tfl keeps them on one side when it splits."),
    "near_conflict": ("warning", "Look at both; if they are about the same, one of the labels is wrong."),
    "imbalance": ("warning", "Add {nouns} of the rare class, or try --class-weights balanced."),
    "missing_in_split": ("warning", "Add {nouns} of the class to the split, or it is never tested."),
    "wrong_extension": ("warning", "Rename the file to what it is."),
    "altered": ("warning", "Put the file back as it was, or take it for a new version of the data."),
    "dark": ("warning", "Take it again with more light, or delete it; brightening brings no detail back."),
    "bright": ("warning", "Take it again with less light, or delete it."),
    "blurry": ("warning", "Take it again, or delete it; keep it only if the model will meet such pictures."),
    "uniform": ("warning", "Delete it if it shows nothing; a failed shot or a placeholder teaches nothing."),
    "extreme_aspect": ("warning", "Crop it to what counts, or use resize pad; the middle is cut out otherwise."),
    "animated": ("warning", "Only the first frame is used; extract the frames if all count."),
    "tiny": ("warning", "Use larger pictures; enlarging adds no detail."),
    "broken_characters": ("warning", "Save it anew in the encoding that it was written in; --fix repairs what it can."),
    "control_characters": ("warning", "Delete them; no one sees them, and a tokenizer may. --fix does."),
    "markup": ("warning", "Take the plain text, if the model will not meet such markup."),
    "no_words": ("warning", "Delete it, or leave it if such texts are to be classified too."),
    "giant_text": ("warning", "Look at it: a quotation mark may be open, so that many rows became one."),
    "language_mix": ("warning", "Choose a model that knows these languages, or leave the others out."),
    "long_text": ("info", "Nothing to do where the beginning tells the class; otherwise use shorter texts."),
    "encoding": ("info", "Nothing to do; saved as UTF-8, it needs no guess."),
    "guessed_columns": ("info", "Nothing to do where the guess is right; otherwise name the columns."),
    "not_checked": ("info", "Install what is missing to have it checked."),
    "not_compared": ("info", "Nothing to do; exact copies are found all the same."),
    "giant": ("info", "Nothing to do; smaller files would be read faster."),
    "deep_colour": ("info", "Nothing to do; 16 bits are scaled to 8."),
    "cmyk": ("info", "Nothing to do; converted to RGB."),
    "palette": ("info", "Nothing to do; converted to RGB."),
    "transparency": ("info", "Nothing to do; laid on white."),
    "rotated": ("info", "Nothing to do; turned upright as its EXIF data say."),
}


def fix_of(rule: str, *, noun: str = "example", nouns: str = "examples") -> str:
    """Return what to do about a broken rule.

    Args:
        rule: One of `RULES`.
        noun: What one sample is called.
        nouns: What several are called.
    """
    return RULES[rule][1].replace("{nouns}", nouns).replace("{noun}", noun)
