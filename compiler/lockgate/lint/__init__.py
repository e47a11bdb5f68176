"""Findings over a whole set of policies: what compiles, and is still not what was meant.

Each finding is one module of ``checks``; ``judgement.py`` runs them, and lets the
configuration, comments and a baseline have their say.
"""
