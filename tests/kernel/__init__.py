"""Tests that load programs into the running kernel; they need root."""
