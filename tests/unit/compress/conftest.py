import pytest

from tests.hard_runs import NETWORKS, make_hard_run


@pytest.fixture(scope="session")
def hard_runs(tmp_path_factory):
    """A run per kind of hard network; targets may be quantized in it, each into its own record."""
    place = tmp_path_factory.mktemp("hard")
    return {kind: make_hard_run(place / kind, kind) for kind in NETWORKS}
