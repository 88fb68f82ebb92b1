"""Results as a benchmark writes them, drawn instead of measured."""

import dataclasses

import numpy as np

from tfl.bench.conditions import Conditions
from tfl.bench.scenario_records import (
    Accuracy,
    ArtifactFacts,
    CellResult,
    Figures,
    NoiseFloor,
    RoundResult,
    ScenarioResult,
    Suite,
)
from tfl.bench.statistics import percentile
from tfl.core.environment import read_environment
from tfl.targets import Kernel, Kernels

CONDITIONS = Conditions(
    affinity=(0, 1),
    cpu_quota=None,
    memory_limit_bytes=None,
    load_average=0.1,
    throttled_ms=0.0,
    stolen_ms=0.0,
    involuntary_switches=3,
    others_share=0.01,
)


def draw_result(levels_ms, *, seed=0, rounds=3, metrics=None, digests=None, floor=0.02, size_bytes=None, memory=None):
    """A single-stream result with latencies around `levels_ms[artifact]`, and its timings."""
    generator = np.random.default_rng(seed)
    series, cells, facts = {}, [], {}
    for artifact, level in levels_ms.items():
        name = f"{artifact} single_stream"
        digest = (digests or {}).get(artifact, f"{artifact:0<64}")[:64]
        parts = []
        for number in range(rounds):
            values = level * np.exp(generator.normal(0, 0.003)) * generator.lognormal(0, 0.02, 400)
            series[f"{name}/{number}/compared_ms"] = values
            series[f"{name}/{number}/latencies_ms"] = values
            parts.append(values)
        pooled = np.concatenate(parts)
        found = tuple(percentile(pooled, percent) for percent in (50, 90, 99))
        cells.append(
            CellResult(
                name=name,
                artifact=artifact,
                scenario="single_stream",
                batch=0,
                threads=0,
                lanes=0,
                percentiles=found,
                rate_per_s=1e3 / level,
                compared_ms=float(np.median(pooled)),
                rounds=tuple(
                    RoundResult(
                        round=number,
                        figures=Figures(
                            queries=400,
                            samples_per_query=1,
                            warm_up=0,
                            is_steady=True,
                            percentiles=tuple(percentile(values, percent) for percent in (50, 90, 99)),
                            rate_per_s=1e3 / level,
                        ),
                        artifact_digest=digest,
                        cold_load_ms=100.0,
                        first_inference_ms=2 * level,
                        peak_rss_bytes=(memory or {}).get(artifact, 100_000_000),
                        joules_per_sample=None,
                        energy_note="not measurable: no counter",
                        inputs=11,
                        conditions=CONDITIONS,
                    )
                    for number, values in enumerate(parts)
                ),
            )
        )
        facts[artifact] = ArtifactFacts(
            folder=f"bundle/artifacts/{artifact}",
            digest=digest,
            size_bytes=(size_bytes or {}).get(artifact, 1_000_000),
            accuracy=Accuracy(
                artifact_digest=digest,
                metric_name="accuracy",
                metric=(metrics or {}).get(artifact, 0.95),
                sample_count=200,
            ),
            kernels=Kernels(source="drawn", kernels=(Kernel(operation="Conv", precision="u8", count=3, time_ms=1.0),)),
        )
    result = ScenarioResult(
        created="2026-01-01T00:00:00+00:00",
        suite=Suite(),
        environment=read_environment(),
        artifacts=facts,
        cells=tuple(cells),
        failures={},
        noise=NoiseFloor(cell=cells[0].name, floor=floor, ratio=1.0),
        samples_file="",
        pictures="p" * 64,
    )
    return result, series


def on_machine(result, cpu):
    """The same result as if another processor had given it."""
    return dataclasses.replace(result, environment=dataclasses.replace(result.environment, cpu=cpu))
