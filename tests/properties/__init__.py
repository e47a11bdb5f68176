"""Random clusters and policies, judged by every engine that there is."""
