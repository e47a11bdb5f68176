"""Objects as YAML text, in the order in which they were made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import yaml

from lockgate.frontend.nodes import NUMBER, NUMBER_ELSEWHERE

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


class _Dumper(yaml.SafeDumper):
    """Indents lists within mappings, and writes no anchors."""

    def increase_indent(
        self, flow: bool = False, indentless: bool = False
    ) -> None:  # the library's
        super().increase_indent(flow, False)

    def ignore_aliases(self, data: object) -> bool:
        return True

    def represent_text(self, text: str) -> yaml.ScalarNode:
        """Quote also what is a number to some readers and not to this library (``1e5``)."""
        is_number = NUMBER.fullmatch(text) or NUMBER_ELSEWHERE.fullmatch(text)
        style = "'" if is_number else None
        return self.represent_scalar("tag:yaml.org,2002:str", text, style)


_Dumper.add_representer(str, _Dumper.represent_text)


def write_yaml(objects: Iterable[Mapping[str, Any]]) -> str:
    """Return one document for each object."""
    return yaml.dump_all(
        list(objects),
        Dumper=_Dumper,
        sort_keys=False,
        allow_unicode=True,
        width=100,
        explicit_start=False,
    )
