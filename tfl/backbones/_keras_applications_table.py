"""The models of `keras.applications` (Keras 3.15.1) as data: what they take, how big they are, where the weights are.

Every number was read from models really built; the tests compare each row with Keras. Licences are those
that Keras states for the weights, or those of the repository that they were converted from.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tfl.data.preprocess import ImagePreprocessing

_Mode = Literal["tf", "caffe", "torch", "none"]
_LONG_NAME = "{}_weights_tf_dim_ordering_tf_kernels_notop.h5"
_STORE = "https://storage.googleapis.com/tensorflow/keras-applications/"


@dataclass(frozen=True)
class _Family:
    """What the models of one module share: mode of `preprocess_input`, smallest size, licence, where the files are."""

    mode: _Mode
    min_size: int
    licence: str
    folder: str
    file: str


@dataclass(frozen=True)
class _Row:
    """One model without its top: size, weights, features, stem of the file, MD5 or SHA-256, name in the URL."""

    name: str
    family: str
    size: int
    parameters: int
    feature_size: int
    stem: str
    checksum: str
    address: str = ""


@dataclass(frozen=True)
class Application:
    """A model of `keras.applications` without its classification top.

    Attributes:
        name: As Keras calls it.
        family: Of its architecture.
        mode: What its `preprocess_input` does; `none` where the model does it itself.
        size: Height and width in pixels that the weights were trained at.
        min_size: The smallest height and width it accepts, in pixels.
        parameters: Number of weights.
        feature_size: Length of its pooled output.
        licence: SPDX identifier of the weights.
        file: The weights' name in the cache of Keras.
        checksum: Published SHA-256 or MD5 of the file, or empty.
        folder: The URL of the file up to its name.
        address: The name of the file in the URL.
    """

    name: str
    family: str
    mode: _Mode
    size: int
    min_size: int
    parameters: int
    feature_size: int
    licence: str
    file: str
    checksum: str
    folder: str
    address: str

    def contract(self, size: int | None = None) -> ImagePreprocessing:
        """Return the input contract, for another size than its own where asked."""
        side = size or self.size
        if self.mode == "tf":
            return ImagePreprocessing(height=side, width=side, jpeg_draft=True, scale=1 / 127.5, mean=(1.0, 1.0, 1.0))
        if self.mode == "caffe":
            return ImagePreprocessing(
                height=side, width=side, jpeg_draft=True, channels="bgr", mean=(103.939, 116.779, 123.68)
            )
        if self.mode == "torch":
            return ImagePreprocessing(
                height=side,
                width=side,
                jpeg_draft=True,
                scale=1 / 255,
                mean=(0.485, 0.456, 0.406),
                std=(0.229, 0.224, 0.225),
            )
        return ImagePreprocessing(height=side, width=side, jpeg_draft=True)

    def file_for(self, size: int) -> str:
        """Return the file of weights for an image size; MobileNets were trained at several."""
        return self.file.replace(f"_{self.size}_", f"_{self._trained_size(size)}_")

    def url(self, size: int) -> str:
        """Return where the file for an image size is published."""
        return self.folder + self.address.replace(f"_{self.size}_", f"_{self._trained_size(size)}_")

    def _trained_size(self, size: int) -> int:
        return size if size in _OTHER_SIZES.get(self.name, ()) else self.size

    @property
    def divides_by_std_twice(self) -> bool:
        """Whether the ImageNet weights expect the second division that Keras adds for them alone."""
        return self.name.startswith("EfficientNetB")

    @property
    def note(self) -> str:
        """What a user should know."""
        own = "It normalizes pixels itself, so it takes [0, 255]. " if self.mode == "none" else ""
        sizes = ", ".join(map(str, _OTHER_SIZES.get(self.name, ())))
        return own + (f"Has own weights for {sizes} pixels too." if sizes else "")


#: Image sizes, beside the native one, that have a file of weights of their own.
_OTHER_SIZES = {"MobileNet": (128, 160, 192), "MobileNetV2": (96, 128, 160, 192)}

_FAMILIES: dict[str, _Family] = {
    "convnext": _Family("none", 32, "MIT", _STORE + "convnext/", "{}_notop.h5"),
    "densenet": _Family("torch", 32, "BSD-3-Clause", _STORE + "densenet/", _LONG_NAME),
    "efficientnet": _Family(
        "none", 32, "Apache-2.0", "https://storage.googleapis.com/keras-applications/", "{}_notop.h5"
    ),
    "efficientnet_v2": _Family("none", 32, "Apache-2.0", _STORE + "efficientnet_v2/", "{}_notop.h5"),
    "inception_resnet_v2": _Family("tf", 75, "Apache-2.0", _STORE + "inception_resnet_v2/", _LONG_NAME),
    "inception_v3": _Family("tf", 75, "Apache-2.0", _STORE + "inception_v3/", _LONG_NAME),
    "mobilenet": _Family("tf", 32, "Apache-2.0", _STORE + "mobilenet/", "{}_no_top.h5"),
    "mobilenet_v2": _Family("tf", 32, "Apache-2.0", _STORE + "mobilenet_v2/", "{}_no_top.h5"),
    "mobilenet_v3": _Family("none", 32, "Apache-2.0", _STORE + "mobilenet_v3/", "{}_no_top_v2.h5"),
    "nasnet": _Family("tf", 32, "Apache-2.0", _STORE + "nasnet/", "{}_no_top.h5"),
    "resnet": _Family("caffe", 32, "MIT", _STORE + "resnet/", _LONG_NAME),
    "resnet_v2": _Family("tf", 32, "BSD-3-Clause", _STORE + "resnet/", _LONG_NAME),
    "vgg16": _Family("caffe", 32, "CC-BY-4.0", _STORE + "vgg16/", _LONG_NAME),
    "vgg19": _Family("caffe", 32, "CC-BY-4.0", _STORE + "vgg19/", _LONG_NAME),
    "xception": _Family("tf", 71, "MIT", _STORE + "xception/", _LONG_NAME),
}

_ROWS = (
    _Row(
        "ConvNeXtBase",
        "convnext",
        224,
        87_566_464,
        1024,
        "convnext_base",
        "40a20c5548a5e9202f69735ecc06c990e6b7c9d2de39f0361e27baeb24cb7c45",
    ),
    _Row(
        "ConvNeXtLarge",
        "convnext",
        224,
        196_230_336,
        1536,
        "convnext_large",
        "96f02b6f0753d4f543261bc9d09bed650f24dd6bc02ddde3066135b63d23a1cd",
    ),
    _Row(
        "ConvNeXtSmall",
        "convnext",
        224,
        49_454_688,
        768,
        "convnext_small",
        "6fc8009faa2f00c1c1dfce59feea9b0745eb260a7dd11bee65c8e20843da6eab",
    ),
    _Row(
        "ConvNeXtTiny",
        "convnext",
        224,
        27_820_128,
        768,
        "convnext_tiny",
        "d547c096cabd03329d7be5562c5e14798aa39ed24b474157cef5e85ab9e49ef1",
    ),
    _Row(
        "ConvNeXtXLarge",
        "convnext",
        224,
        348_147_968,
        2048,
        "convnext_xlarge",
        "de3f8a54174130e0cecdc71583354753d557fcf1f4487331558e2a16ba0cfe05",
    ),
    _Row("DenseNet121", "densenet", 224, 7_037_504, 1024, "densenet121", "30ee3e1110167f948a6b9946edeeb738"),
    _Row("DenseNet169", "densenet", 224, 12_642_880, 1664, "densenet169", "b8c4d4c20dd625c148057b9ff1c1176b"),
    _Row("DenseNet201", "densenet", 224, 18_321_984, 1920, "densenet201", "c13680b51ded0fb44dff2d8f86ac8bb1"),
    _Row("EfficientNetB0", "efficientnet", 224, 4_049_571, 1280, "efficientnetb0", "50bc09e76180e00e4465e1a485ddc09d"),
    _Row("EfficientNetB1", "efficientnet", 240, 6_575_239, 1280, "efficientnetb1", "74c4e6b3e1f6a1eea24c589628592432"),
    _Row("EfficientNetB2", "efficientnet", 260, 7_768_569, 1408, "efficientnetb2", "111f8e2ac8aa800a7a99e3239f7bfb39"),
    _Row("EfficientNetB3", "efficientnet", 300, 10_783_535, 1536, "efficientnetb3", "af6d107764bb5b1abb91932881670226"),
    _Row("EfficientNetB4", "efficientnet", 380, 17_673_823, 1792, "efficientnetb4", "ebc24e6d6c33eaebbd558eafbeedf1ba"),
    _Row("EfficientNetB5", "efficientnet", 456, 28_513_527, 2048, "efficientnetb5", "38879255a25d3c92d5e44e04ae6cec6f"),
    _Row("EfficientNetB6", "efficientnet", 528, 40_960_143, 2304, "efficientnetb6", "9ecce42647a20130c1f39a5d4cb75743"),
    _Row("EfficientNetB7", "efficientnet", 600, 64_097_687, 2560, "efficientnetb7", "cbcfe4450ddf6f3ad90b1b398090fe4a"),
    _Row(
        "EfficientNetV2B0",
        "efficientnet_v2",
        224,
        5_919_312,
        1280,
        "efficientnetv2-b0",
        "893217f2bb855e2983157299931e43ff",
    ),
    _Row(
        "EfficientNetV2B1",
        "efficientnet_v2",
        240,
        6_931_124,
        1280,
        "efficientnetv2-b1",
        "0e80663031ca32d657f9caa404b6ec37",
    ),
    _Row(
        "EfficientNetV2B2",
        "efficientnet_v2",
        260,
        8_769_374,
        1408,
        "efficientnetv2-b2",
        "1dfe2e7a5d45b6632553a8961ea609eb",
    ),
    _Row(
        "EfficientNetV2B3",
        "efficientnet_v2",
        300,
        12_930_622,
        1536,
        "efficientnetv2-b3",
        "f6abf7b5849ac99a89b50dd3fd532856",
    ),
    _Row(
        "EfficientNetV2L",
        "efficientnet_v2",
        480,
        117_746_848,
        1280,
        "efficientnetv2-l",
        "b0b66b5c863aef5b46e8608fe1711615",
    ),
    _Row(
        "EfficientNetV2M",
        "efficientnet_v2",
        480,
        53_150_388,
        1280,
        "efficientnetv2-m",
        "1b8dc055df72dde80d614482840fe342",
    ),
    _Row(
        "EfficientNetV2S",
        "efficientnet_v2",
        384,
        20_331_360,
        1280,
        "efficientnetv2-s",
        "af0682fb74e8c54910f2d4393339c070",
    ),
    _Row(
        "InceptionResNetV2",
        "inception_resnet_v2",
        299,
        54_336_736,
        1536,
        "inception_resnet_v2",
        "d19885ff4a710c122648d3b5c3b684e4",
    ),
    _Row("InceptionV3", "inception_v3", 299, 21_802_784, 2048, "inception_v3", "bcbd6486424b2319ff4ef7d526e38f63"),
    _Row("MobileNet", "mobilenet", 224, 3_228_864, 1024, "mobilenet_1_0_224_tf", ""),
    _Row(
        "MobileNetV2",
        "mobilenet_v2",
        224,
        2_257_984,
        1280,
        "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_224",
        "",
    ),
    _Row(
        "MobileNetV3Large",
        "mobilenet_v3",
        224,
        2_996_352,
        960,
        "weights_mobilenet_v3_large_224_1.0_float",
        "07fb09a5933dd0c8eaafa16978110389",
    ),
    _Row(
        "MobileNetV3Small",
        "mobilenet_v3",
        224,
        939_120,
        576,
        "weights_mobilenet_v3_small_224_1.0_float",
        "d3e8ec802a04aa4fc771ee12a9a9b836",
    ),
    _Row(
        "NASNetLarge",
        "nasnet",
        331,
        84_916_818,
        4032,
        "nasnet_large",
        "d81d89dc07e6e56530c4e77faddd61b5",
        address="NASNet-large-no-top.h5",
    ),
    _Row(
        "NASNetMobile",
        "nasnet",
        224,
        4_269_716,
        1056,
        "nasnet_mobile",
        "1ed92395b5b598bdda52abe5c0dbfd63",
        address="NASNet-mobile-no-top.h5",
    ),
    _Row("ResNet101", "resnet", 224, 42_658_176, 2048, "resnet101", "88cf7a10940856eca736dc7b7e228a21"),
    _Row("ResNet101V2", "resnet_v2", 224, 42_626_560, 2048, "resnet101v2", "c0ed64b8031c3730f411d2eb4eea35b5"),
    _Row("ResNet152", "resnet", 224, 58_370_944, 2048, "resnet152", "ee4c566cf9a93f14d82f913c2dc6dd0c"),
    _Row("ResNet152V2", "resnet_v2", 224, 58_331_648, 2048, "resnet152v2", "ed17cf2e0169df9d443503ef94b23b33"),
    _Row("ResNet50", "resnet", 224, 23_587_712, 2048, "resnet50", "4d473c1dd8becc155b73f8504c6f6626"),
    _Row("ResNet50V2", "resnet_v2", 224, 23_564_800, 2048, "resnet50v2", "fac2f116257151a9d068a22e544a4917"),
    _Row("VGG16", "vgg16", 224, 14_714_688, 512, "vgg16", "6d6bbae143d832006294945121d1f1fc"),
    _Row("VGG19", "vgg19", 224, 20_024_384, 512, "vgg19", "253f8cb515780f3b799900260a226db6"),
    _Row("Xception", "xception", 299, 20_861_480, 2048, "xception", "b0042744bf5b25fce3cb969f33bebb97"),
)


def _application(row: _Row) -> Application:
    family = _FAMILIES[row.family]
    return Application(
        name=row.name,
        family=row.family,
        mode=family.mode,
        size=row.size,
        min_size=family.min_size,
        parameters=row.parameters,
        feature_size=row.feature_size,
        licence=family.licence,
        file=family.file.format(row.stem),
        checksum=row.checksum,
        folder=family.folder,
        address=row.address or family.file.format(row.stem),
    )


#: By name, in alphabetical order.
APPLICATIONS = {row.name: _application(row) for row in _ROWS}
