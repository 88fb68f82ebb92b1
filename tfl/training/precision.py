"""Which arithmetic to train in, decided by what the hardware has, how fast it is and whether the losses agree."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tfl.core.environment import read_environment, read_gpus, read_machine
from tfl.core.errors import JobError, UnsupportedError
from tfl.core.extras import version_of
from tfl.core.files import cache_dir, sha256_text
from tfl.core.records import Record
from tfl.core.train_config import Precision
from tfl.training.memory import ran_out
from tfl.training.precision_trial import Draw, PrecisionTrial, small_network, try_precision

if TYPE_CHECKING:
    import keras

logger = logging.getLogger(__name__)
#: Compute capability from which NVIDIA GPUs have matrix units for the type
#: (Volta has float16, Ampere has bfloat16: CUDA C++ Programming Guide, "Compute Capabilities").
_FLOAT16_CAPABILITY = (7, 0)
_BFLOAT16_CAPABILITY = (8, 0)
#: Processors' instructions for it: AVX512 and AMX of x86, and Arm's.
_BFLOAT16_ISA = frozenset({"avx512_bf16", "amx_bf16", "bf16"})


@dataclass(frozen=True, kw_only=True)
class PrecisionChoice(Record):
    """A Keras dtype policy and the reason for it.

    Attributes:
        policy: Of Keras.
        reason: In words, with the figures that decided.
        trial: What was measured; None where nothing had to be.
    """

    policy: str
    reason: str
    trial: PrecisionTrial | None = None


def choose_precision(
    asked: Precision,
    *,
    network: Callable[[], keras.Model] = small_network,
    draw: Draw | None = None,
    path: Path | None = None,
    remembered: Callable[[], Path] | None = None,
) -> PrecisionChoice:
    """Choose the dtype policy.

    Args:
        asked: A policy, which is taken as it is, or `auto`.
        network: Builds what will be trained, under the dtype policy that is active, for the trial of `auto`.
        draw: Makes a batch of it; see `try_precision`.
        path: Where a `PrecisionChoice` is kept that was tried: what an earlier sitting decided is decided.
        remembered: Tells where this machine keeps what it decided for such a network, see `remembered_choice`: a timing
            is never the same twice, and two runs of one seed shall end in the same bytes. Asked only where a trial is
            due, since it may have to ask the driver for the GPUs.

    Raises:
        UnsupportedError: float16 on a processor without a GPU, where gradients underflow and nothing is gained.
    """
    capability = None if asked in ("float32", "mixed_bfloat16") else _gpu_capability()
    if asked == "mixed_float16" and capability is None:
        import keras

        raise UnsupportedError(
            f"mixed_float16 needs a GPU; this machine has none that {keras.backend.backend()} sees.",
            hint="Use --train-precision auto, float32 or mixed_bfloat16.",
        )
    if asked != "auto":
        return PrecisionChoice(policy=asked, reason="asked for")
    if path is not None and path.is_file():
        return PrecisionChoice.load(path)
    policy, why = _candidate(capability)
    if not policy:
        return PrecisionChoice(policy="float32", reason=why)
    known = None if remembered is None else remembered()
    if known is not None and known.is_file():
        choice = PrecisionChoice.load(known)
    else:
        choice = _tried(policy, why, network, draw)
        # Memory that ran out may have been another program's.
        if known is not None and choice.trial is not None:
            _remember(choice, known)
    if path is not None:
        choice.save(path)
    return choice


def _remember(choice: PrecisionChoice, file: Path) -> None:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        choice.save(file)
    except (OSError, JobError) as error:
        # The next run repeats the trial; that is no reason to end this one.
        logger.warning("which arithmetic is best here can't be remembered: %s", error)


def remembered_choice(*network: object) -> Path:
    """Return where in tfl's cache the decision of a trial is kept: by network, hardware and versions.

    Args:
        network: All that decides what a step computes.
    """
    import keras

    backend = keras.backend.backend()
    software = (f"keras {keras.__version__}", f"{backend} {version_of(backend)}")
    here = (*software, read_machine(), *read_gpus())
    return cache_dir() / "precision" / f"{sha256_text(*map(str, (*network, *here)))[:32]}.json"


def judge(trial: PrecisionTrial, why: str) -> PrecisionChoice:
    """Take the 16-bit policy where it is faster by more than the noise and computes the same losses.

    Args:
        trial: What was measured.
        why: What makes the policy a candidate.
    """
    ratio = trial.float32_ms / trial.policy_ms
    figures = (
        f"{why}; in a trial a step of {trial.policy} takes {trial.policy_ms:.3g} ms, of float32"
        f" {trial.float32_ms:.3g} ms ({ratio:.2f} times as fast, noise {trial.noise:.0%}), and losses differ by"
        f" {trial.loss_difference:.2%} at most ({trial.tolerance:.2%} is rounding)"
    )
    if not trial.agrees:
        return PrecisionChoice(policy="float32", reason=f"{figures}: they disagree", trial=trial)
    if not trial.faster:
        return PrecisionChoice(policy="float32", reason=f"{figures}: not faster", trial=trial)
    return PrecisionChoice(policy=trial.policy, reason=figures, trial=trial)


def _tried(policy: str, why: str, network: Callable[[], keras.Model], draw: Draw | None) -> PrecisionChoice:
    try:
        return judge(try_precision(policy, network, draw=draw), why)
    except Exception as error:
        # The trial of a network that does not fit is no reason to end; the training itself will say so.
        if not ran_out(error):
            raise
        return PrecisionChoice(policy="float32", reason=f"{why}, but a trial of it ran out of memory")


def _candidate(capability: tuple[int, int] | None) -> tuple[str, str]:
    """Name the 16-bit policy that the hardware has units for, or none, and say why."""
    if capability is not None:
        version = ".".join(map(str, capability))
        if capability >= _BFLOAT16_CAPABILITY:
            return "mixed_bfloat16", f"the GPU (compute capability {version}) has bfloat16 units"
        if capability >= _FLOAT16_CAPABILITY:
            return "mixed_float16", f"the GPU (compute capability {version}) has float16 units"
        return "", f"the GPU (compute capability {version}) has no 16-bit matrix units"
    if not _BFLOAT16_ISA & set(read_environment().isa):
        return "", "no GPU, and the processor has no bfloat16 instructions"
    return "mixed_bfloat16", "the processor has bfloat16 instructions"


def _gpu_capability() -> tuple[int, int] | None:
    """Return the compute capability of the weakest GPU that the backend sees, (0, 0) where it has none to tell."""
    import keras

    found: list[tuple[int, int]] = []
    if keras.backend.backend() == "jax":
        import jax

        devices = [device for device in jax.devices() if device.platform in ("gpu", "cuda", "rocm")]
        found = [_version_of(str(getattr(device, "compute_capability", ""))) for device in devices]
    elif keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        found = [
            tf.config.experimental.get_device_details(device).get("compute_capability", (0, 0))
            for device in tf.config.list_physical_devices("GPU")
        ]
    return min(found) if found else None


def _version_of(text: str) -> tuple[int, int]:
    """Read `8.0`, as JAX tells it; other makers' names, such as `gfx90a`, are no compute capability."""
    major, _, minor = text.partition(".")
    return (int(major), int(minor)) if major.isdigit() and minor.isdigit() else (0, 0)
