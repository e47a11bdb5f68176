"""Tests of trials: operations under tracing policies."""
