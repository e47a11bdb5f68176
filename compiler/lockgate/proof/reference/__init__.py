"""The reference: a slow, obvious reading of the specifications, independent of the compiler.

It reads Kubernetes objects as they are written (``located.py``), and policies of the native
language as ``proof/native.py`` hands them on, and has selectors, prefixes, ports and tiers of
its own; of the compiler it uses the readers of text alone.  A mistake in one of the two
readings shows as a difference.

objects → ``cluster.py`` (who is there) and statements of rules (``network_policy.py``, ...)
→ ``tribunal.py`` (what the rules that match come to).  ``evaluator.py`` judges single flows;
``atoms.py`` and ``matrix.py`` judge everything that could be asked.
"""
