"""What the pages of commands say beyond `--help`: an example that runs, what exit status 1 means, what to read.

The examples work on what `tfl demo` leaves behind, in the folder `tfl-demo`.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Note:
    """What is said about one command.

    Attributes:
        example: Commands, one a line; empty for a group of commands.
        fails: When the exit status is 1.
        related: `title=address`, the address from `docs/commands`.
    """

    example: str = ""
    fails: str = "something on disk or in a library failed"
    related: tuple[str, ...] = ()


_TEXTS = "Texts=../text.md"
_FINDINGS = "What the data check finds=../data-findings.md"
_TRANSFORMS = "Resizing and augmentation=../data-transforms.md"
_TRAINING = "Training=../training.md"
_SEARCH = "Which backbone, which settings, which run=../search.md"
_QUANTIZE = "Quantization by accuracy=../quantize.md"
_COMPRESSION = "Compression and distillation=../compression.md"
_BENCHMARK = "Benchmarks that can be believed=../benchmark.md"
_READING = "Reading a benchmark=../concepts/benchmark.md"
_BUNDLE = "Bundle and artefact=../concepts/bundle.md"
_VERIFICATION = "Verification=../concepts/verification.md"
_CALIBRATION = "Calibration=../concepts/calibration.md"
_CONTRACT = "The preprocessing contract=../concepts/contract.md"
_LOG = "The experiment log=../experiment-log.md"

_ARTIFACT = "tfl-demo/run/bundle/artifacts/openvino-int8"

NOTES = {
    "demo": Note(
        example="tfl demo --out tfl-demo",
        fails="a stage or an artefact failed",
        related=("Photos or reviews, no code=../start/owner.md", "tfl run=run.md"),
    ),
    "run": Note(
        example="tfl run tfl-demo/digits --target openvino,tflite --precision fp32,int8 --out digits-run",
        fails="a stage or an artefact failed; what is done is kept, and the others went on",
        related=("Photos or reviews, no code=../start/owner.md", _TEXTS, _FINDINGS, _TRAINING, _VERIFICATION),
    ),
    "models": Note(related=(_SEARCH,)),
    "models list": Note(
        example="tfl models list --offline\ntfl models list --source keras_applications --max-parameters 5000000",
        related=("tfl models recommend=#tfl-models-recommend",),
    ),
    "models search": Note(example="tfl models search mobilenet photos"),
    "models info": Note(
        example="tfl models info embedded:patchnet", related=("Transformers and word vectors=../text-transformers.md",)
    ),
    "models fetch": Note(
        example="tfl models fetch keras_applications:MobileNetV2",
        fails="the download failed, or the cache can't be written",
    ),
    "models import": Note(
        example="tfl models import keras_applications:MobileNetV2 weights.h5", fails="the cache can't be written"
    ),
    "models recommend": Note(
        example="tfl models recommend tfl-demo/digits --max-latency-ms 5",
        fails="no backbone keeps the limits",
        related=(_SEARCH,),
    ),
    "data": Note(related=(_FINDINGS,)),
    "data formats": Note(example="tfl data formats"),
    "data describe": Note(example="tfl data describe tfl-demo/digits"),
    "data check": Note(
        example="tfl data check tfl-demo/digits --html findings.html",
        fails="the data have errors",
        related=(_FINDINGS, "What it found in real data=../data-found.md", "How fast=../data-speed.md"),
    ),
    "data review": Note(
        example="tfl data review tfl-demo/run",
        related=("tfl data relabel apply=#tfl-data-relabel-apply", "What it found in real data=../data-found.md"),
    ),
    "data relabel": Note(),
    "data relabel apply": Note(
        example="tfl data relabel apply tfl-demo/run/review/review.csv --out relabelled.json",
        related=("tfl data review=#tfl-data-review",),
    ),
    "data summary": Note(example="tfl data summary tfl-demo/digits --augment light", related=(_CONTRACT, _TRANSFORMS)),
    "data show": Note(
        example="tfl data show tfl-demo/digits --augment strong --out digits.png", related=(_TRANSFORMS,)
    ),
    "data diff": Note(example="tfl data diff tfl-demo/run tfl-demo/digits", fails="something changed"),
    "data folds": Note(example="tfl data folds tfl-demo/digits --k 5 --out folds.json", related=(_SEARCH,)),
    "train": Note(
        example="tfl train tfl-demo/digits --augment light --until accuracy=0.95 --out digits-train",
        fails="a stage failed; what is done is kept",
        related=(_TRAINING, _TRANSFORMS, _LOG),
    ),
    "distill": Note(
        example="tfl distill tfl-demo/run --student embedded:sketchnet --epochs 2 --out digits-student",
        fails="a stage or an export failed",
        related=(_COMPRESSION,),
    ),
    "compress": Note(
        example="tfl compress tfl-demo/run --method prune --sparsity 0.5 --epochs 1 --out digits-sparse",
        fails="the training or an export failed",
        related=(_COMPRESSION, "What can be compressed=../compression-replay.md"),
    ),
    "tune": Note(
        example="tfl tune tfl-demo/digits --trials 3 --study digits-study",
        fails="no trial was completed",
        related=(_SEARCH,),
    ),
    "evaluate": Note(
        example=f"tfl evaluate {_ARTIFACT} --split test",
        related=(_CALIBRATION, "Training=../training.md"),
    ),
    "predict": Note(
        example=f"tfl predict {_ARTIFACT} tfl-demo/digits/3 --top 1 --json",
        fails="the engine failed",
        related=(_CONTRACT, _TEXTS),
    ),
    "export": Note(
        example="tfl export tfl-demo/run --target tflite --precision fp32,int8",
        fails="an artefact could not be made, or its proof failed",
        related=(_VERIFICATION, _CALIBRATION, "Preprocessing inside the model file=../fused-preprocessing.md"),
    ),
    "quantize": Note(
        example="tfl quantize tfl-demo/run --target openvino --max-drop 0.02",
        fails="a target has no quantization that holds, or the test split shows a larger drop",
        related=(_QUANTIZE, _CALIBRATION),
    ),
    "verify": Note(
        example=f"tfl verify {_ARTIFACT}", fails="an artefact does not do what the model does", related=(_VERIFICATION,)
    ),
    "benchmark": Note(
        example="tfl benchmark tfl-demo/run --scenario single-stream --artifact tflite-int8 --seconds 0.5",
        fails="an artefact could not be measured, or is slower than the baseline beyond the noise",
        related=(_READING, _BENCHMARK),
    ),
    "benchmark verify": Note(
        example="tfl benchmark verify tfl-demo/run/benchmarks/1/result.json",
        fails="a time, a file or an accuracy does not come out again",
        related=(_READING,),
    ),
    "benchmark merge": Note(
        example="tfl benchmark merge tfl-demo/run/benchmarks/1/result.json tfl-demo/run/benchmarks/2/result.json",
        related=(_READING,),
    ),
    "recommend": Note(
        example="tfl recommend tfl-demo/run --max-latency-ms 20 --min-accuracy 0.9",
        fails="no artefact keeps the bounds",
        related=(_READING,),
    ),
    "report": Note(example="tfl report tfl-demo/run", related=(_BUNDLE,)),
    "runs": Note(related=(_LOG,)),
    "runs list": Note(example="tfl runs list tfl-demo"),
    "runs show": Note(example="tfl runs show tfl-demo/run --json"),
    "runs compare": Note(example="tfl runs compare tfl-demo/run digits-run", related=(_LOG,)),
    "runs reproduce": Note(
        example="tfl runs reproduce tfl-demo/run --out digits-again",
        fails="figures, answers or weights differ beyond --tolerance",
        related=(_LOG,),
    ),
    "runs verify-resume": Note(
        example="tfl runs verify-resume tfl-demo/run --steps 6", fails="the bytes differ", related=(_TRAINING,)
    ),
    "runs leaderboard": Note(example="tfl runs leaderboard .", related=(_SEARCH,)),
    "errors": Note(example="tfl errors data-error", related=("Troubleshooting=../troubleshooting.md",)),
    "doctor": Note(
        example="tfl doctor",
        fails="neither training nor any runtime works",
        related=("Dependencies=../dependencies.md",),
    ),
}
