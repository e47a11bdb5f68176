"""Every page about a finding is true: its example yields it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lockgate.codes.linting import CONFIG, EXPLANATIONS
from lockgate.diagnostics import Diagnostics
from lockgate.findings import of_diagnostic
from lockgate.lint.config import Config, read_config
from lockgate.source import Source
from tests.lint.judging import lint

if TYPE_CHECKING:
    from lockgate.codes import Explanation

WITHOUT = {"E6033", "N6016"}
"""A baseline is no document of the user's, and the other would be a very long one."""


@pytest.mark.parametrize("page", EXPLANATIONS, ids=lambda page: page.code)
def test_example_yields_its_code(page: Explanation) -> None:
    """What the page shows is found, in the policies or in the configuration."""
    if page.code in WITHOUT:
        assert not page.example
        return
    text, config, diagnostics = page.example, Config(), Diagnostics()
    if text.startswith(CONFIG):
        head, _, text = text.partition("---\n")
        config = read_config(Source(".lockgate-lint.yaml", head), diagnostics)
    found = [*map(of_diagnostic, diagnostics.found)]
    if text:
        found += lint(text, config).findings
    elif not found:
        found += lint("# nothing\n", config).findings
    (first, *_) = [f for f in found if f.code == page.code]
    assert first.name == page.name
