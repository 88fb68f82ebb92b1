"""A progress that remembers what it was told."""

from tfl.core.progress import Progress


class Told(Progress):
    """Keeps the results."""

    def __init__(self):
        super().__init__()
        self.results = []

    def result(self, text):
        self.results.append(text)
