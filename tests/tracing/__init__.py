"""Tracing policies as programs: what the compiler makes of them, and what that does in a kernel."""
