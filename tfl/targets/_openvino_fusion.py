"""Preprocessing inside an OpenVINO model, before a finished network, which stays as it is."""

from __future__ import annotations

from typing import Any

from tfl.data.preprocess import ImagePreprocessing


def fuse_normalization(model: Any, contract: ImagePreprocessing) -> Any:
    """Let a model take uint8 RGB NHWC and normalize it as the contract does, by the engine's own PrePostProcessor.

    Args:
        model: An `openvino.Model` with one float32 input `(batch, height, width, 3)`.
        contract: Channel order, scale, mean and std.
    """
    from openvino import Layout, Type
    from openvino.preprocess import PrePostProcessor

    processor = PrePostProcessor(model)
    processor.input().tensor().set_element_type(Type.u8).set_layout(Layout("NHWC"))
    processor.input().model().set_layout(Layout("NHWC"))
    steps = processor.input().preprocess().convert_element_type(Type.f32)
    if contract.channels == "bgr":
        steps = steps.reverse_channels()
    # It divides where the contract scales first: (pixel * scale - mean) / std.
    steps.mean([mean / contract.scale for mean in contract.mean])
    steps.scale([std / contract.scale for std in contract.std])
    return processor.build()


def fuse_resampling(model: Any, resampling: Any) -> Any:
    """Put a model that resizes, uint8 to uint8, before one that takes uint8; the input's name stays.

    PrePostProcessor's own resizing takes the whole picture, and the contract's box may begin inside of a pixel.

    Args:
        model: By `fuse_normalization`.
        resampling: An `openvino.Model` with one input.
    """
    import openvino

    parameter, names = model.get_parameters()[0], model.input().get_names()
    resized = resampling.output(0).get_node().input_value(0)
    for port in parameter.output(0).get_target_inputs():
        port.replace_source_output(resized)
    source = resampling.get_parameters()[0]
    source.output(0).get_tensor().set_names(names)
    source.set_friendly_name(parameter.get_friendly_name())
    return openvino.Model(model.get_results(), [source], model.get_name())
