"""The programs of enforcers, and their rows in ``sites.json``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lockgate.codegen.render import render

if TYPE_CHECKING:
    from lockgate.ir.site import EnforcerSite
    from lockgate.targets.target import Target

_NAMED = 4


def render_enforcer(site: EnforcerSite, target: Target) -> str:
    """Return the C text of an enforcer's object."""
    names = ", ".join(site.functions[:_NAMED])
    return render(
        "tracing/enforcer.c.j2",
        machine=target.machine,
        policy=site.policy.key,
        source=site.policy.enforcers[0].span.place,
        functions=names + (", ..." if len(site.functions) > _NAMED else ""),
        section=f"{site.stand.value}/{site.functions[0]}",
        program=site.name,
        number=site.policy_number,
    )


def enforcer_row(site: EnforcerSite) -> dict[str, Any]:
    """Return the row of an enforcer, which no hook is at."""
    return {
        "program": site.name,
        "object": f"{site.name}.o",
        "stand": site.stand.value,
        "functions": list(site.functions),
        "hooks": [],
        "is_multi_disabled": site.policy.is_multi_disabled,
    }
