"""The size of RE2's programs, beside sizes that RE2 itself gave.

Measured with PyPI's ``google-re2`` 1.1.20251105 (``re2.compile(p).programsize``), which is no
dependency: where it is installed, the table is measured again.
"""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec

import pytest

from lockgate.frontend.regex import regex_fault
from lockgate.lint.regex_size import program_size

SIZES = {
    "": 4,
    "a": 5,
    "ab": 6,
    "abc": 7,
    "^": 2,
    "^a": 4,
    "^ab$": 4,
    "a$": 5,
    "ab$": 6,
    "a*": 5,
    "a+": 6,
    "a?": 6,
    "ab*": 6,
    "ab*c": 7,
    "ab+c": 8,
    "ab?c": 8,
    "aa?b": 8,
    "[ab]": 5,
    "[a-z]": 5,
    "[a-z0-9]": 6,
    "[a-z0-9_]": 7,
    ".": 12,
    "a.b": 14,
    "a.c.d": 23,
    "a.*": 13,
    "^a.*": 12,
    "a.*b": 14,
    "a.+": 14,
    "a.?b": 15,
    "[^/]": 12,
    "a[^/]b": 14,
    "a[^/]+b": 15,
    "a[^/]*b": 14,
    "(a)": 7,
    "(?:a)": 5,
    "(ab)c": 9,
    "a|b": 5,
    "ab|cd": 8,
    "abc|abd": 7,
    "x(ab|cd)y": 12,
    "x(?:ab|cd)y": 10,
    "x(?:ab|cd|ef)y": 12,
    "a{3}": 7,
    "a{3,}": 8,
    "a{1,3}": 9,
    "a{0,3}b": 11,
    "[0-9a-z-]{36}": 112,
    "\\d": 5,
    "\\d+": 6,
    "\\w": 7,
    "\\w+": 8,
    "\\s": 7,
    "\\D": 12,
    "(?i)a": 5,
    "(?i)abc": 7,
    "(?i)k": 8,
    "(?i)s": 7,
    "é": 6,
    "[é]": 6,
    "[à-é]": 6,
    "^/v4/advisory/[0-9a-z-]{36}/clone$": 118,
    "(?:a|b)*c": 6,
    "/api/(.*)": 19,
    "/api/v[12]/.*": 20,
    "/public/.*|/private/.*": 37,
    "(?s).": 11,
    "(?s).*": 11,
    "a(?:b(?:c)?)?d": 10,
    "[[:alpha:]]": 5,
    "\\bfoo\\b": 9,
    ".*\\.example\\.com": 24,
    "GET|POST|PUT": 13,
    "a(b|)c": 10,
    "(?:ab)*c": 7,
    "(?:ab)+c": 8,
    "(?:ab){2}c": 9,
    "(?:ab){2,4}c": 15,
    "^[ab]": 3,
    "^[ab]c": 4,
    "^[ab]$": 3,
    "^(ab)c": 7,
    "^(?:ab)c": 4,
    "^a*": 3,
    "^ab|cd": 9,
    "^ab|^cd": 6,
    "^a{3}b": 6,
    "^ab*": 5,
    "^ab+c": 7,
    "(?i)^ab": 4,
    "^abc.*": 12,
    "a.*$": 13,
    "ab|a": 7,
    "ab|ac|ad": 6,
    "(?:a|b|c)": 5,
    "(?:ab|c)*d": 8,
    "(?:a*|b*)c": 11,
    "(?:ab*|cd*)e": 11,
    "(?:ab*|cd*)": 10,
    "(?:ab?|cd?)e": 11,
    "(?:ab+|cd+)e": 13,
    "x(?:a.*|b.*)": 25,
    "/a/.*|/b/.*": 27,
    "a(?:b|c*)d": 10,
    "(a|b)*c": 8,
    "(?:a*)*": 5,
    "(a+)+": 9,
    "(.*)(.*)": 24,
    "[a-zA-Z0-9._%+-]+@[a-zA-Z0-9.-]+": 16,
    "[^a-z]": 12,
    "[^a-z0-9/]": 13,
    "\\.": 5,
    "\\d{4}-\\d{2}-\\d{2}": 14,
    "/v1/(items|users)/[0-9]+": 23,
    "/v1/(items|users)/[^/]+": 30,
    "/v1/[^/]+/[^/]+/[^/]+/[^/]+/[^/]+/[^/]+": 67,
    "[[:alnum:]]+": 7,
    "[a-f0-9]{8}-[a-f0-9]{4}-[a-f0-9]{4}-[a-f0-9]{4}-[a-f0-9]{12}": 72,
    "/static/[a-zA-Z0-9._-]{0,200}/[a-zA-Z0-9._-]{0,200}": 2013,
    "(?s).*foo": 14,
    "(GET|POST|HEAD)": 17,
    "GET|HEAD": 11,
    "[à-ÿ]": 6,
    "[一-龥]": 13,
    "[\u03b1-\u03c9]": 8,
    "\\x41": 5,
    "\\QA.b\\E": 7,
    "a\\b": 6,
    "^$": 2,
    "(?:)": 4,
    "(?i)[a-z]": 10,
    "(?i)get|post": 13,
    "a{0}b": 5,
    "(?:ab){0,1}c": 8,
    "(?:a{2}){3}": 10,
    "(|a)b": 9,
    "a||b": 7,
    "(?:a|)b": 7,
    ".{5}": 44,
    ".{1,10}": 93,
    "\\W": 15,
    "\\S": 14,
    "[\\w-]+": 9,
    "[^\\s]+": 15,
    "api\\.example\\.com": 19,
    "(?i)authorization": 17,
    "/orgs/[^/]+/projects/[^/]+/agents/[^/]+/model-configs/[^/]+"
    "/environments/[^/]+/api-keys/[^/]+": 121,
    "(foo|bar|baz)(foo|bar|baz)": 22,
    "(a|ab)(c|bcd)": 15,
    "[^/]+/": 14,
    "a?b?c?d?": 12,
    "(?:a?b?)?c": 10,
    "/v1/(a|b){1,3}": 19,
    "/(healthz|livez|readyz)(/.*)?": 37,
    "/api/v[0-9]+/(users|groups)/[0-9a-f-]{36}(/.*)?": 147,
    "/.*\\.(png|jpg|jpeg|gif|svg|ico|css|js)": 38,
    "(GET|HEAD|OPTIONS)": 20,
    "[^:]+:[0-9]{1,5}": 23,
    # What Envoy refused elsewhere, with the numbers of its own messages:
    # cilium/cilium#48773, envoyproxy/gateway#2576 and #2543, kumahq/kuma#2103.
    "/(dashboard|alerts|calendar|components|metrics|critical_asset_metrics"
    "|critical_product_metrics|simple_search|support|celery_status|choices)"
    "([/?].*)?": 134,
    r"^/api/v1/object/[\w]{32}/action$": 107,
    "x-envoy-(a|b|c)-[grep]{3}": 28,
    "(a*)*": 11,
    "/[a-z]+(-[a-z]+)*/[0-9]+": 16,
    r"[a-z]+(\.[a-z]+)+": 13,
}
NEARLY = {
    "[一-龥]": 3,
    "(a*)*": 4,
    "/[a-z]+(-[a-z]+)*/[0-9]+": 1,
    r"[a-z]+(\.[a-z]+)+": 1,
}
"""Where RE2 flattens otherwise than we do: by how much we may be wrong."""


@pytest.mark.parametrize("pattern", SIZES)
def test_size(pattern: str) -> None:
    """The very number, but for what is listed."""
    size = program_size(pattern)
    assert size is not None
    assert abs(size - SIZES[pattern]) <= NEARLY.get(pattern, 0)
    assert regex_fault(pattern) is None


@pytest.mark.skipif(
    find_spec("re2") is None, reason="needs RE2: pip install google-re2"
)
def test_the_table_is_what_re2_says() -> None:
    """The numbers above are those of the library."""
    re2 = import_module("re2")
    assert {pattern: re2.compile(pattern).programsize for pattern in SIZES} == SIZES


@pytest.mark.parametrize(
    "pattern",
    [r"\\pL", r"\\p{Greek}", "(?m)^a", "(?=a)", "(", "[", "a{1", "\\\\", "[[:x:]]"],
)
def test_what_is_not_understood(pattern: str) -> None:
    """Nothing is said of what is not read; nothing is raised."""
    size = program_size(pattern)
    assert size is None or size > 0


def test_hostile_sizes() -> None:
    """Nested repetitions cost no time, and have an end."""
    pattern = "a"
    for _ in range(12):
        pattern = f"(?:{pattern}){{1000}}"
    assert program_size(pattern) == 1 << 20
    assert program_size("(" * 5000 + ")" * 5000) is None
