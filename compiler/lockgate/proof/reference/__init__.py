"""A reference evaluator: slow, obvious, and independent of the compiler.

It reads Kubernetes objects as plain dictionaries and judges one flow at a time straight
from the specifications.  It shares no code with `lockgate`, so that a mistake in one of the
two shows as a difference.
"""
