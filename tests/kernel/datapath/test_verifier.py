"""Every shape loads, and costs the verifier little."""

from __future__ import annotations

import pytest

from lockgate_runtime.bpf_object import Object
from tests.kernel.datapath.node import FEATURES, compile_shape

pytestmark = pytest.mark.kernel

CEILINGS = {
    "stub_tc": 200,
    "stub_cgroup": 200,
    "tc": 40_000,
    "cgroup": 40_000,
    "sweep": 1_000,
    "sweep_step": 1_000,
}
"""Verified instructions for each program; the kernel's limit is a million."""

SHAPES = [(), FEATURES, *((feature,) for feature in FEATURES)]


@pytest.mark.parametrize(
    "features", SHAPES, ids=lambda names: "+".join(names) or "none"
)
def test_shape_loads(features: tuple[str, ...]) -> None:
    """The programs of a shape load within their ceilings, and 512 bytes of stack."""
    objects = compile_shape(*features)
    assert ("cgroup.o" in objects) == ("cgroups" in features)
    for name, elf in objects.items():
        with Object(name.removesuffix(".o"), elf) as target:
            target.load(statistics=True)
            for verification in target.verifications():
                ceiling = CEILINGS[name.removesuffix(".o")]
                assert 0 < verification.verified_instructions < ceiling
