"""The checks, one file each, all alike: ``CHECK`` names it and says what it needs."""

from __future__ import annotations

from lockgate.lint.checks import (
    and_or_dash,
    budget,
    cluster_ip_in_cidr,
    contradictory_rules,
    deny_only_isolates,
    empty_rules,
    lock_out,
    name_rule_without_dns,
    newly_exposed,
    policy_types_mismatch,
    regex_too_large,
    regex_unanchored,
    selector_matches_nothing,
    shadowed_rule,
    tracing_decides_differently,
    tracing_excludes_nobody,
    tracing_floods,
    tracing_kills_shells,
    tracing_paths,
    world_by_label,
)

CHECKS = (
    selector_matches_nothing.CHECK,
    shadowed_rule.CHECK,
    contradictory_rules.CHECK,
    deny_only_isolates.CHECK,
    policy_types_mismatch.CHECK,
    cluster_ip_in_cidr.CHECK,
    name_rule_without_dns.CHECK,
    regex_too_large.CHECK,
    regex_unanchored.CHECK,
    and_or_dash.CHECK,
    empty_rules.CHECK,
    lock_out.CHECK,
    budget.CHECK,
    newly_exposed.CHECK,
    world_by_label.CHECK,
    tracing_decides_differently.CHECK,
    tracing_excludes_nobody.CHECK,
    tracing_floods.CHECK,
    tracing_kills_shells.CHECK,
    tracing_paths.PREFIXES,
    tracing_paths.LINKS,
    tracing_paths.POSTFIXES,
    tracing_paths.IMPOSSIBLE,
)
"""Every check; what is found is sorted afterwards, so their order says nothing."""
