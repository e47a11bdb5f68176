"""The one place that starts a compiler, and reads what it wrote."""
