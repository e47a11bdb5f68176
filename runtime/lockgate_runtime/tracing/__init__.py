"""Tracing on a node: processes, programs at hooks, and the events that they make."""
