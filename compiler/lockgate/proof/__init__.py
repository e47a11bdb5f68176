"""Prove a bundle: compare what it says with a second reading of the sources.

``reference/`` reads the objects themselves and shares nothing with the passes.
"""
