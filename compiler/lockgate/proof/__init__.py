"""Prove a bundle: compare what it says with a second reading of the sources.

``reference/`` reads the objects themselves and shares nothing with the passes.  ``compare``
looks at every cell of the packed tables, ``packets`` plans what the programs are asked.
"""
