"""Try what tracing policies do: operations before and under them, in a machine of one's own.

``python -m lockgate_runtime.trial FOLDER`` changes files, addresses and policies of the system
that it runs in: ``lockgate test`` runs it in a virtual machine.
"""
