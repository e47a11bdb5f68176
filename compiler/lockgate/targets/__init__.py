"""Targets: the kernels that tracing policies are compiled for, running or recorded."""
