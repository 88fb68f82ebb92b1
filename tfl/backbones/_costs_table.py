"""Weights and multiply-adds of backbones, written by `benchmarks/backbone_costs.py`; its head says how."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Cost:
    """What one backbone costs.

    Attributes:
        parameters: Number of weights without the classification top.
        multiply_adds: For one sample, without the top.
        at: The input that they hold for.
        parameters_with_top: With the published classifier of 1,000 classes, or None.
        multiply_adds_with_top: The same.
    """

    parameters: int
    multiply_adds: int
    at: str
    parameters_with_top: int | None = None
    multiply_adds_with_top: int | None = None


#: By spec.
COSTS: dict[str, Cost] = {
    "embedded:pairnet": Cost(1_163_520, 129_848_928, "96 x 96 pixels"),
    "embedded:sketchnet": Cost(269_784, 16_447_104, "96 x 96 pixels"),
    "embedded:patchnet": Cost(64_000, 32_744_832, "96 x 96 pixels"),
    "embedded:leafnet": Cost(1_098_656, 97_099_776, "96 x 96 pixels"),
    "embedded:ngrams": Cost(2_097_280, 32_768, "256 n-grams"),
    "keras_applications:ConvNeXtBase": Cost(87_566_464, 15_353_705_472, "224 x 224 pixels", 88_591_464, 15_354_729_472),
    "keras_applications:ConvNeXtLarge": Cost(
        196_230_336, 34_359_897_600, "224 x 224 pixels", 197_767_336, 34_361_433_600
    ),
    "keras_applications:ConvNeXtSmall": Cost(49_454_688, 8_682_944_256, "224 x 224 pixels", 50_223_688, 8_683_712_256),
    "keras_applications:ConvNeXtTiny": Cost(27_820_128, 4_454_763_264, "224 x 224 pixels", 28_589_128, 4_455_531_264),
    "keras_applications:ConvNeXtXLarge": Cost(
        348_147_968, 60_918_982_656, "224 x 224 pixels", 350_196_968, 60_921_030_656
    ),
    "keras_applications:DenseNet121": Cost(7_037_504, 2_833_137_664, "224 x 224 pixels", 8_062_504, 2_834_161_664),
    "keras_applications:DenseNet169": Cost(12_642_880, 3_358_179_328, "224 x 224 pixels", 14_307_880, 3_359_843_328),
    "keras_applications:DenseNet201": Cost(18_321_984, 4_289_445_888, "224 x 224 pixels", 20_242_984, 4_291_365_888),
    "keras_applications:EfficientNetB0": Cost(4_049_571, 384_534_752, "224 x 224 pixels", 5_330_571, 385_814_752),
    "keras_applications:EfficientNetB1": Cost(6_575_239, 685_522_832, "240 x 240 pixels", 7_856_239, 686_802_832),
    "keras_applications:EfficientNetB2": Cost(7_768_569, 992_153_872, "260 x 260 pixels", 9_177_569, 993_561_872),
    "keras_applications:EfficientNetB3": Cost(10_783_535, 1_825_605_392, "300 x 300 pixels", 12_320_535, 1_827_141_392),
    "keras_applications:EfficientNetB4": Cost(17_673_823, 4_391_979_024, "380 x 380 pixels", 19_466_823, 4_393_771_024),
    "keras_applications:EfficientNetB5": Cost(
        28_513_527, 10_264_336_752, "456 x 456 pixels", 30_562_527, 10_266_384_752
    ),
    "keras_applications:EfficientNetB6": Cost(
        40_960_143, 19_065_289_536, "528 x 528 pixels", 43_265_143, 19_067_593_536
    ),
    "keras_applications:EfficientNetB7": Cost(
        64_097_687, 37_743_324_192, "600 x 600 pixels", 66_658_687, 37_745_884_192
    ),
    "keras_applications:EfficientNetV2B0": Cost(5_919_312, 716_806_176, "224 x 224 pixels", 7_200_312, 718_086_176),
    "keras_applications:EfficientNetV2B1": Cost(6_931_124, 1_195_539_360, "240 x 240 pixels", 8_212_124, 1_196_819_360),
    "keras_applications:EfficientNetV2B2": Cost(
        8_769_374, 1_696_134_832, "260 x 260 pixels", 10_178_374, 1_697_542_832
    ),
    "keras_applications:EfficientNetV2B3": Cost(
        12_930_622, 3_009_922_816, "300 x 300 pixels", 14_467_622, 3_011_458_816
    ),
    "keras_applications:EfficientNetV2L": Cost(
        117_746_848, 56_078_419_008, "480 x 480 pixels", 119_027_848, 56_079_699_008
    ),
    "keras_applications:EfficientNetV2M": Cost(
        53_150_388, 24_581_180_384, "480 x 480 pixels", 54_431_388, 24_582_460_384
    ),
    "keras_applications:EfficientNetV2S": Cost(
        20_331_360, 8_364_337_152, "384 x 384 pixels", 21_612_360, 8_365_617_152
    ),
    "keras_applications:InceptionResNetV2": Cost(
        54_336_736, 13_154_258_016, "299 x 299 pixels", 55_873_736, 13_155_794_016
    ),
    "keras_applications:InceptionV3": Cost(21_802_784, 5_711_168_096, "299 x 299 pixels", 23_851_784, 5_713_216_096),
    "keras_applications:MobileNet": Cost(3_228_864, 567_716_352, "224 x 224 pixels", 4_253_864, 568_740_352),
    "keras_applications:MobileNetV2": Cost(2_257_984, 299_494_272, "224 x 224 pixels", 3_538_984, 300_774_272),
    "keras_applications:MobileNetV3Large": Cost(2_996_352, 214_080_960, "224 x 224 pixels", 5_507_432, 216_589_760),
    "keras_applications:MobileNetV3Small": Cost(939_120, 54_896_576, "224 x 224 pixels", 2_554_968, 56_510_400),
    "keras_applications:NASNetLarge": Cost(84_916_818, 23_779_382_658, "331 x 331 pixels", 88_949_818, 23_783_414_658),
    "keras_applications:NASNetMobile": Cost(4_269_716, 562_582_816, "224 x 224 pixels", 5_326_716, 563_638_816),
    "keras_applications:ResNet101": Cost(42_658_176, 7_568_146_432, "224 x 224 pixels", 44_707_176, 7_570_194_432),
    "keras_applications:ResNet101V2": Cost(42_626_560, 7_192_428_544, "224 x 224 pixels", 44_675_560, 7_194_476_544),
    "keras_applications:ResNet152": Cost(58_370_944, 11_280_367_616, "224 x 224 pixels", 60_419_944, 11_282_415_616),
    "keras_applications:ResNet152V2": Cost(58_331_648, 10_904_649_728, "224 x 224 pixels", 60_380_648, 10_906_697_728),
    "keras_applications:ResNet50": Cost(23_587_712, 3_855_925_248, "224 x 224 pixels", 25_636_712, 3_857_973_248),
    "keras_applications:ResNet50V2": Cost(23_564_800, 3_480_207_360, "224 x 224 pixels", 25_613_800, 3_482_255_360),
    "keras_applications:VGG16": Cost(14_714_688, 15_346_630_656, "224 x 224 pixels", 138_357_544, 15_470_264_320),
    "keras_applications:VGG19": Cost(20_024_384, 19_508_428_800, "224 x 224 pixels", 143_667_240, 19_632_062_464),
    "keras_applications:Xception": Cost(20_861_480, 8_355_355_496, "299 x 299 pixels", 22_910_480, 8_357_403_496),
    "keras_hub:bert_tiny_en_uncased": Cost(4_385_920, 58_720_256, "128 tokens"),
    "keras_hub:bert_small_en_uncased": Cost(28_763_648, 1_677_721_600, "128 tokens"),
    "keras_hub:bert_medium_en_uncased": Cost(41_373_184, 3_355_443_200, "128 tokens"),
    "keras_hub:bert_base_en_uncased": Cost(109_482_240, 11_173_625_856, "128 tokens"),
    "keras_hub:bert_base_en": Cost(108_310_272, 11_173_625_856, "128 tokens"),
    "keras_hub:bert_base_zh": Cost(102_267_648, 11_173_625_856, "128 tokens"),
    "keras_hub:bert_base_multi": Cost(177_853_440, 11_173_625_856, "128 tokens"),
    "keras_hub:bert_large_en_uncased": Cost(335_141_888, 39_460_012_032, "128 tokens"),
    "keras_hub:bert_large_en": Cost(333_579_264, 39_460_012_032, "128 tokens"),
    "keras_hub:bert_tiny_en_uncased_sst2": Cost(4_385_920, 58_720_256, "128 tokens"),
    "keras_hub:all_minilm_l6_v2_en": Cost(22_713_216, 1_434_451_968, "128 tokens"),
    "keras_hub:all_minilm_l6_v1_en": Cost(22_713_216, 1_434_451_968, "128 tokens"),
    "keras_hub:all_minilm_l12_v2_en": Cost(33_360_000, 2_868_903_936, "128 tokens"),
    "keras_hub:paraphrase_minilm_l6_v2_en": Cost(22_713_216, 1_434_451_968, "128 tokens"),
    "keras_hub:paraphrase_minilm_l12_v2_en": Cost(33_360_000, 2_868_903_936, "128 tokens"),
    "keras_hub:multi_qa_minilm_l6_cos_v1_en": Cost(22_713_216, 1_434_451_968, "128 tokens"),
    "keras_hub:multi_qa_minilm_l6_dot_v1_en": Cost(22_713_216, 1_434_451_968, "128 tokens"),
    "keras_hub:msmarco_minilm_l6_cos_v5_en": Cost(22_713_216, 1_434_451_968, "128 tokens"),
    "keras_hub:msmarco_minilm_l12_cos_v5_en": Cost(33_360_000, 2_868_903_936, "128 tokens"),
    "keras_hub:bge_small_en": Cost(33_360_000, 2_868_903_936, "128 tokens"),
    "keras_hub:bge_base_en": Cost(109_482_240, 11_173_625_856, "128 tokens"),
    "keras_hub:bge_large_en": Cost(335_141_888, 39_460_012_032, "128 tokens"),
    "keras_hub:bge_small_v1.5_en": Cost(33_360_000, 2_868_903_936, "128 tokens"),
    "keras_hub:bge_base_v1.5_en": Cost(109_482_240, 11_173_625_856, "128 tokens"),
    "keras_hub:bge_large_v1.5_en": Cost(335_141_888, 39_460_012_032, "128 tokens"),
    "keras_hub:bge_base_zh": Cost(102_267_648, 11_173_625_856, "128 tokens"),
    "keras_hub:bge_large_zh": Cost(325_522_432, 39_460_012_032, "128 tokens"),
    "keras_hub:bge_small_v1.5_zh": Cost(23_953_920, 1_677_721_600, "128 tokens"),
    "keras_hub:bge_base_v1.5_zh": Cost(102_267_648, 11_173_625_856, "128 tokens"),
    "keras_hub:bge_large_v1.5_zh": Cost(325_522_432, 39_460_012_032, "128 tokens"),
    "keras_hub:bge_llm_embedder": Cost(109_482_240, 11_173_625_856, "128 tokens"),
    "keras_hub:multilingual_e5_small": Cost(117_653_760, 2_868_903_936, "128 tokens"),
    "keras_hub:mxbai_embed_large_v1_en": Cost(335_141_888, 39_460_012_032, "128 tokens"),
    "keras_hub:mxbai_embed_2d_large_v1_en": Cost(335_141_888, 39_460_012_032, "128 tokens"),
    "keras_hub:mxbai_embed_xsmall_v1_en": Cost(24_089_472, 1_434_451_968, "128 tokens"),
    "keras_hub:distil_bert_base_en_uncased": Cost(66_362_880, 5_586_812_928, "128 tokens"),
    "keras_hub:distil_bert_base_en": Cost(65_190_912, 5_586_812_928, "128 tokens"),
    "keras_hub:distil_bert_base_multi": Cost(134_734_080, 5_586_812_928, "128 tokens"),
    "keras_hub:roberta_base_en": Cost(124_052_736, 11_173_625_856, "128 tokens"),
    "keras_hub:roberta_large_en": Cost(354_307_072, 39_460_012_032, "128 tokens"),
    "keras_hub:electra_small_discriminator_uncased_en": Cost(13_548_800, 1_312_817_152, "128 tokens"),
    "keras_hub:electra_small_generator_uncased_en": Cost(13_548_800, 1_312_817_152, "128 tokens"),
    "keras_hub:electra_base_discriminator_uncased_en": Cost(109_482_240, 11_173_625_856, "128 tokens"),
    "keras_hub:electra_base_generator_uncased_en": Cost(33_576_960, 1_333_788_672, "128 tokens"),
    "keras_hub:electra_large_discriminator_uncased_en": Cost(335_141_888, 39_460_012_032, "128 tokens"),
    "keras_hub:electra_large_generator_uncased_en": Cost(51_065_344, 2_650_800_128, "128 tokens"),
    "keras_hub:albert_base_en_uncased": Cost(11_683_584, 11_186_208_768, "128 tokens"),
    "keras_hub:albert_large_en_uncased": Cost(17_683_968, 39_476_789_248, "128 tokens"),
    "keras_hub:albert_extra_large_en_uncased": Cost(58_724_864, 156_262_989_824, "128 tokens"),
    "keras_hub:albert_extra_extra_large_en_uncased": Cost(222_595_584, 310_915_366_912, "128 tokens"),
    "keras_hub:xlm_roberta_base_multi": Cost(277_450_752, 11_173_625_856, "128 tokens"),
    "keras_hub:xlm_roberta_large_multi": Cost(558_837_760, 39_460_012_032, "128 tokens"),
    "keras_hub:bge_m3": Cost(566_702_080, 39_460_012_032, "128 tokens"),
    "keras_hub:multilingual_e5_base": Cost(277_450_752, 11_173_625_856, "128 tokens"),
    "keras_hub:multilingual_e5_large": Cost(558_837_760, 39_460_012_032, "128 tokens"),
    "keras_hub:deberta_v3_extra_small_en": Cost(70_682_112, 5_284_823_040, "128 tokens"),
    "keras_hub:deberta_v3_small_en": Cost(141_304_320, 9_814_671_360, "128 tokens"),
    "keras_hub:deberta_v3_base_en": Cost(183_831_552, 19_629_342_720, "128 tokens"),
    "keras_hub:deberta_v3_large_en": Cost(434_012_160, 68_451_041_280, "128 tokens"),
    "keras_hub:deberta_v3_base_multi": Cost(278_218_752, 19_629_342_720, "128 tokens"),
    "tfhub:https://tfhub.dev/google/imagenet/mobilenet_v2_035_96/feature_vector/5": Cost(
        410_208, 10_654_128, "96 x 96 pixels"
    ),
    "tfhub:https://tfhub.dev/google/imagenet/mobilenet_v2_035_128/feature_vector/5": Cost(
        410_208, 18_940_672, "128 x 128 pixels"
    ),
    "tfhub:https://tfhub.dev/google/imagenet/mobilenet_v2_035_160/feature_vector/5": Cost(
        410_208, 29_594_800, "160 x 160 pixels"
    ),
    "tfhub:https://tfhub.dev/google/imagenet/mobilenet_v2_035_192/feature_vector/5": Cost(
        410_208, 42_616_512, "192 x 192 pixels"
    ),
    "tfhub:https://tfhub.dev/google/imagenet/mobilenet_v2_035_224/feature_vector/5": Cost(
        410_208, 58_005_808, "224 x 224 pixels"
    ),
    "tfhub:https://tfhub.dev/google/imagenet/mobilenet_v2_050_96/feature_vector/5": Cost(
        706_224, 17_605_440, "96 x 96 pixels"
    ),
    "tfhub:https://tfhub.dev/google/imagenet/mobilenet_v2_050_128/feature_vector/5": Cost(
        706_224, 31_298_560, "128 x 128 pixels"
    ),
    "tfhub:https://tfhub.dev/google/imagenet/mobilenet_v2_050_160/feature_vector/5": Cost(
        706_224, 48_904_000, "160 x 160 pixels"
    ),
    "tfhub:https://tfhub.dev/google/imagenet/mobilenet_v2_050_192/feature_vector/5": Cost(
        706_224, 70_421_760, "192 x 192 pixels"
    ),
    "tfhub:https://tfhub.dev/google/imagenet/mobilenet_v2_050_224/feature_vector/5": Cost(
        706_224, 95_851_840, "224 x 224 pixels"
    ),
    "tfhub:https://tfhub.dev/google/imagenet/mobilenet_v2_075_96/feature_vector/5": Cost(
        1_382_064, 38_165_472, "96 x 96 pixels"
    ),
    "tfhub:https://tfhub.dev/google/imagenet/mobilenet_v2_075_128/feature_vector/5": Cost(
        1_382_064, 67_849_728, "128 x 128 pixels"
    ),
    "tfhub:https://tfhub.dev/google/imagenet/mobilenet_v2_075_160/feature_vector/5": Cost(
        1_382_064, 106_015_200, "160 x 160 pixels"
    ),
    "tfhub:https://tfhub.dev/google/imagenet/mobilenet_v2_075_192/feature_vector/5": Cost(
        1_382_064, 152_661_888, "192 x 192 pixels"
    ),
    "tfhub:https://tfhub.dev/google/imagenet/mobilenet_v2_075_224/feature_vector/5": Cost(
        1_382_064, 207_789_792, "224 x 224 pixels"
    ),
    "tfhub:https://tfhub.dev/google/imagenet/mobilenet_v2_100_96/feature_vector/5": Cost(
        2_257_984, 55_009_152, "96 x 96 pixels"
    ),
    "tfhub:https://tfhub.dev/google/imagenet/mobilenet_v2_100_128/feature_vector/5": Cost(
        2_257_984, 97_794_048, "128 x 128 pixels"
    ),
    "tfhub:https://tfhub.dev/google/imagenet/mobilenet_v2_100_160/feature_vector/5": Cost(
        2_257_984, 152_803_200, "160 x 160 pixels"
    ),
    "tfhub:https://tfhub.dev/google/imagenet/mobilenet_v2_100_192/feature_vector/5": Cost(
        2_257_984, 220_036_608, "192 x 192 pixels"
    ),
    "tfhub:https://tfhub.dev/google/imagenet/mobilenet_v2_100_224/feature_vector/5": Cost(
        2_257_984, 299_494_272, "224 x 224 pixels"
    ),
    "tfhub:https://tfhub.dev/google/imagenet/mobilenet_v2_130_224/feature_vector/5": Cost(
        3_766_048, 507_710_560, "224 x 224 pixels"
    ),
    "tfhub:https://tfhub.dev/google/imagenet/mobilenet_v2_140_224/feature_vector/5": Cost(
        4_363_712, 580_403_824, "224 x 224 pixels"
    ),
    "tfhub:https://tfhub.dev/google/imagenet/mobilenet_v3_small_075_224/feature_vector/5": Cost(
        1_026_552, 42_375_344, "224 x 224 pixels"
    ),
    "tfhub:https://tfhub.dev/google/imagenet/mobilenet_v3_small_100_224/feature_vector/5": Cost(
        1_529_968, 55_486_400, "224 x 224 pixels"
    ),
    "tfhub:https://tfhub.dev/google/imagenet/mobilenet_v3_large_075_224/feature_vector/5": Cost(
        2_731_616, 153_280_624, "224 x 224 pixels"
    ),
    "tfhub:https://tfhub.dev/google/imagenet/mobilenet_v3_large_100_224/feature_vector/5": Cost(
        4_226_432, 215_309_760, "224 x 224 pixels"
    ),
    "tfhub:https://tfhub.dev/google/imagenet/efficientnet_v2_imagenet1k_b0/feature_vector/2": Cost(
        5_919_312, 716_806_176, "224 x 224 pixels"
    ),
    "tfhub:https://tfhub.dev/google/imagenet/efficientnet_v2_imagenet1k_b1/feature_vector/2": Cost(
        6_931_124, 1_195_539_360, "240 x 240 pixels"
    ),
    "tfhub:https://tfhub.dev/google/imagenet/efficientnet_v2_imagenet1k_b2/feature_vector/2": Cost(
        8_769_374, 1_696_134_832, "260 x 260 pixels"
    ),
    "tfhub:https://tfhub.dev/google/imagenet/efficientnet_v2_imagenet1k_b3/feature_vector/2": Cost(
        12_930_622, 3_009_922_816, "300 x 300 pixels"
    ),
    "tfhub:https://tfhub.dev/google/imagenet/efficientnet_v2_imagenet1k_s/feature_vector/2": Cost(
        20_331_360, 8_364_337_152, "384 x 384 pixels"
    ),
    "tfhub:https://tfhub.dev/google/imagenet/efficientnet_v2_imagenet1k_m/feature_vector/2": Cost(
        53_150_388, 24_581_180_384, "480 x 480 pixels"
    ),
    "tfhub:https://tfhub.dev/google/imagenet/efficientnet_v2_imagenet1k_l/feature_vector/2": Cost(
        117_746_848, 56_078_419_008, "480 x 480 pixels"
    ),
    "tfhub:https://tfhub.dev/google/imagenet/efficientnet_v2_imagenet21k_b0/feature_vector/2": Cost(
        5_919_312, 716_806_176, "224 x 224 pixels"
    ),
    "tfhub:https://tfhub.dev/google/imagenet/efficientnet_v2_imagenet21k_b1/feature_vector/2": Cost(
        6_931_124, 1_195_539_360, "240 x 240 pixels"
    ),
    "tfhub:https://tfhub.dev/google/imagenet/efficientnet_v2_imagenet21k_b2/feature_vector/2": Cost(
        8_769_374, 1_696_134_832, "260 x 260 pixels"
    ),
    "tfhub:https://tfhub.dev/google/imagenet/efficientnet_v2_imagenet21k_b3/feature_vector/2": Cost(
        12_930_622, 3_009_922_816, "300 x 300 pixels"
    ),
    "tfhub:https://tfhub.dev/google/imagenet/efficientnet_v2_imagenet21k_s/feature_vector/2": Cost(
        20_331_360, 8_364_337_152, "384 x 384 pixels"
    ),
    "tfhub:https://tfhub.dev/google/imagenet/efficientnet_v2_imagenet21k_m/feature_vector/2": Cost(
        53_150_388, 24_581_180_384, "480 x 480 pixels"
    ),
    "tfhub:https://tfhub.dev/google/imagenet/efficientnet_v2_imagenet21k_l/feature_vector/2": Cost(
        117_746_848, 56_078_419_008, "480 x 480 pixels"
    ),
    "tfhub:https://tfhub.dev/google/imagenet/efficientnet_v2_imagenet21k_xl/feature_vector/2": Cost(
        207_615_832, 93_352_171_520, "512 x 512 pixels"
    ),
    "tfhub:https://tfhub.dev/google/imagenet/efficientnet_v2_imagenet21k_ft1k_b0/feature_vector/2": Cost(
        5_919_312, 716_806_176, "224 x 224 pixels"
    ),
    "tfhub:https://tfhub.dev/google/imagenet/efficientnet_v2_imagenet21k_ft1k_b1/feature_vector/2": Cost(
        6_931_124, 1_195_539_360, "240 x 240 pixels"
    ),
    "tfhub:https://tfhub.dev/google/imagenet/efficientnet_v2_imagenet21k_ft1k_b2/feature_vector/2": Cost(
        8_769_374, 1_696_134_832, "260 x 260 pixels"
    ),
    "tfhub:https://tfhub.dev/google/imagenet/efficientnet_v2_imagenet21k_ft1k_b3/feature_vector/2": Cost(
        12_930_622, 3_009_922_816, "300 x 300 pixels"
    ),
    "tfhub:https://tfhub.dev/google/imagenet/efficientnet_v2_imagenet21k_ft1k_s/feature_vector/2": Cost(
        20_331_360, 8_364_337_152, "384 x 384 pixels"
    ),
    "tfhub:https://tfhub.dev/google/imagenet/efficientnet_v2_imagenet21k_ft1k_m/feature_vector/2": Cost(
        53_150_388, 24_581_180_384, "480 x 480 pixels"
    ),
    "tfhub:https://tfhub.dev/google/imagenet/efficientnet_v2_imagenet21k_ft1k_l/feature_vector/2": Cost(
        117_746_848, 56_078_419_008, "480 x 480 pixels"
    ),
    "tfhub:https://tfhub.dev/google/imagenet/efficientnet_v2_imagenet21k_ft1k_xl/feature_vector/2": Cost(
        207_615_832, 93_352_171_520, "512 x 512 pixels"
    ),
    "tfhub:https://tfhub.dev/google/imagenet/inception_resnet_v2/feature_vector/5": Cost(
        54_336_736, 13_154_258_016, "299 x 299 pixels"
    ),
    "tfhub:https://tfhub.dev/google/imagenet/inception_v1/feature_vector/5": Cost(
        5_607_184, 1_497_352_192, "224 x 224 pixels"
    ),
    "tfhub:https://tfhub.dev/google/imagenet/inception_v2/feature_vector/5": Cost(
        10_173_112, 1_933_833_216, "224 x 224 pixels"
    ),
    "tfhub:https://tfhub.dev/google/imagenet/inception_v3/feature_vector/5": Cost(
        21_802_784, 5_711_168_096, "299 x 299 pixels"
    ),
    "tfhub:https://tfhub.dev/google/imagenet/nasnet_large/feature_vector/5": Cost(
        84_916_818, 23_779_382_658, "331 x 331 pixels"
    ),
    "tfhub:https://tfhub.dev/google/imagenet/nasnet_mobile/feature_vector/5": Cost(
        4_269_716, 562_582_816, "224 x 224 pixels"
    ),
    "tfhub:https://tfhub.dev/google/imagenet/pnasnet_large/feature_vector/5": Cost(
        81_913_656, 24_933_075_792, "331 x 331 pixels"
    ),
    "tfhub:https://tfhub.dev/google/imagenet/resnet_v2_50/feature_vector/5": Cost(
        23_564_800, 3_480_207_360, "224 x 224 pixels"
    ),
    "tfhub:https://tfhub.dev/google/imagenet/resnet_v2_101/feature_vector/5": Cost(
        42_626_560, 7_192_428_544, "224 x 224 pixels"
    ),
    "tfhub:https://tfhub.dev/google/imagenet/resnet_v2_152/feature_vector/5": Cost(
        58_331_648, 10_904_649_728, "224 x 224 pixels"
    ),
    "tfhub:https://tfhub.dev/google/bit/s-r50x1/1": Cost(23_500_352, 4_087_136_256, "224 x 224 pixels"),
    "tfhub:https://tfhub.dev/google/bit/s-r50x3/1": Cost(211_174_080, 36_076_142_592, "224 x 224 pixels"),
    "tfhub:https://tfhub.dev/google/bit/s-r101x1/1": Cost(42_492_480, 7_799_357_440, "224 x 224 pixels"),
    "tfhub:https://tfhub.dev/google/bit/s-r101x3/1": Cost(381_789_888, 69_486_133_248, "224 x 224 pixels"),
    "tfhub:https://tfhub.dev/google/bit/s-r152x4/1": Cost(928_340_224, 182_769_090_560, "224 x 224 pixels"),
    "tfhub:https://tfhub.dev/google/bit/m-r50x1/1": Cost(23_500_352, 4_087_136_256, "224 x 224 pixels"),
    "tfhub:https://tfhub.dev/google/bit/m-r50x3/1": Cost(211_174_080, 36_076_142_592, "224 x 224 pixels"),
    "tfhub:https://tfhub.dev/google/bit/m-r101x1/1": Cost(42_492_480, 7_799_357_440, "224 x 224 pixels"),
    "tfhub:https://tfhub.dev/google/bit/m-r101x3/1": Cost(381_789_888, 69_486_133_248, "224 x 224 pixels"),
    "tfhub:https://tfhub.dev/google/bit/m-r152x4/1": Cost(928_340_224, 182_769_090_560, "224 x 224 pixels"),
}
