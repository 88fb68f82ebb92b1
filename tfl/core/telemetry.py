"""Nothing leaves a person's machine unasked."""

from __future__ import annotations

import contextlib


def send_no_telemetry() -> None:
    """Keep OpenVINO and NNCF from reporting their use; to be called before either is imported.

    The converter and the quantizer report what they do unless refused, and `import openvino` itself reports that it was
    imported and writes an identity into the home folder: `openvino/tools/ovc/__init__.py` of 2026.4. Offline, waiting
    for the connection costs seconds.
    """
    with contextlib.suppress(ImportError):
        from openvino_telemetry.utils.opt_in_checker import ConsentCheckResult, OptInChecker

        OptInChecker.check = lambda *_, **__: ConsentCheckResult.DECLINED
