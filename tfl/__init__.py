"""tfl: transfer learning with Keras 3, and exports that carry their own proof."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from tfl.core.version import __version__

if TYPE_CHECKING:
    from tfl.api import Model as Model
    from tfl.api import Reproduction as Reproduction
    from tfl.api import compare as compare
    from tfl.api import cross_validate as cross_validate
    from tfl.api import fit as fit
    from tfl.api import list_models as list_models
    from tfl.api import load as load
    from tfl.api import load_data as load_data
    from tfl.api import model_info as model_info
    from tfl.api import reproduce as reproduce
    from tfl.api import run as run
    from tfl.api import tune as tune
    from tfl.core.errors import TflError as TflError
    from tfl.core.errors import UserError as UserError
    from tfl.deployment import benchmark as benchmark
    from tfl.deployment import compress_model as compress_model
    from tfl.deployment import distill_model as distill_model
    from tfl.deployment import recommend_artifact as recommend_artifact
    from tfl.deployment import show_flipped as show_flipped
    from tfl.ranking import leaderboard as leaderboard
    from tfl.recommendation import recommend as recommend

_HOMES = {
    "Model": "tfl.api",
    "Reproduction": "tfl.api",
    "TflError": "tfl.core.errors",
    "UserError": "tfl.core.errors",
    "benchmark": "tfl.deployment",
    "compare": "tfl.api",
    "compress_model": "tfl.deployment",
    "cross_validate": "tfl.api",
    "distill_model": "tfl.deployment",
    "fit": "tfl.api",
    "leaderboard": "tfl.ranking",
    "list_models": "tfl.api",
    "load": "tfl.api",
    "recommend": "tfl.recommendation",
    "recommend_artifact": "tfl.deployment",
    "load_data": "tfl.api",
    "model_info": "tfl.api",
    "reproduce": "tfl.api",
    "run": "tfl.api",
    "show_flipped": "tfl.deployment",
    "tune": "tfl.api",
}

__all__ = [
    "Model",
    "Reproduction",
    "TflError",
    "UserError",
    "__version__",
    "benchmark",
    "compare",
    "compress_model",
    "cross_validate",
    "distill_model",
    "fit",
    "leaderboard",
    "list_models",
    "load",
    "load_data",
    "model_info",
    "recommend",
    "recommend_artifact",
    "reproduce",
    "run",
    "show_flipped",
    "tune",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        from tfl.core.errors import closest

        # Tools ask for names that nobody wrote, such as `__path__`; nothing is proposed to those.
        proposal = "" if name.startswith("_") else closest(name, __all__)
        raise AttributeError(f"module 'tfl' has no attribute '{name}'.{proposal}", name=name)
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return __all__
