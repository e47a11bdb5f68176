"""A metric, and the two forms in which people take it: Prometheus' text, and JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    Sample = tuple[Mapping[str, str], int | float]
    """Labels, and the value that they have."""


class Metric(NamedTuple):
    """One metric: its name, ``counter`` or ``gauge``, what it says, and its values."""

    name: str
    kind: str
    help: str
    samples: Sequence[Sample]


def of_one(name: str, kind: str, help_: str, value: float) -> Metric:
    """Return a metric without labels."""
    return Metric(name, kind, help_, [({}, value)])


def print_text(metrics: Iterable[Metric]) -> str:
    """Return the text format of Prometheus, version 0.0.4."""
    lines: list[str] = []
    for metric in metrics:
        lines.append(f"# HELP {metric.name} {metric.help}")
        lines.append(f"# TYPE {metric.name} {metric.kind}")
        lines += [
            f"{metric.name}{spell_labels(labels)} {value}"
            for labels, value in metric.samples
        ]
    return "\n".join(lines)


def to_json(metrics: Iterable[Metric]) -> list[dict[str, Any]]:
    """Return the same as JSON: metrics by name, each with its samples."""
    return [
        {
            "name": metric.name,
            "type": metric.kind,
            "help": metric.help,
            "samples": [
                {"labels": dict(labels), "value": value}
                for labels, value in metric.samples
            ],
        }
        for metric in metrics
    ]


def spell_labels(labels: Mapping[str, str]) -> str:
    r"""Spell labels as Prometheus reads them; nothing where there are none.

    >>> spell_labels({"policy": 'a "b"', "mode": "monitor"})
    '{policy="a \\"b\\"",mode="monitor"}'
    """
    if not labels:
        return ""
    spelt = (f'{name}="{_escaped(text)}"' for name, text in labels.items())
    return "{" + ",".join(spelt) + "}"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
