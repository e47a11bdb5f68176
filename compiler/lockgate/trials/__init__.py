"""Tests of tracing policies: operations are tried in a virtual machine, and judged.

``operations`` says what can be tried, ``planning`` makes a plan of a test's statements,
``machines`` runs it under a kernel, ``judging`` holds what was seen against what was expected.
"""
