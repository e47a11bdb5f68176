"""Cases written by hand: ``cluster.yaml`` and ``cases.yaml`` become ``own.jsonl``."""
