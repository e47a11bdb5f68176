"""Hooks: one file each."""
