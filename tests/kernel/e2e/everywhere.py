"""Tests that depend on no kernel."""

from __future__ import annotations

import pytest

from tests.kernel.e2e.network import IS_EMULATED

the_same_everywhere = pytest.mark.skipif(
    IS_EMULATED, reason="the host's kernel is asked; a guest needs too long"
)
"""For what depends on no kernel: emulated machines have fifteen minutes for all tests."""
