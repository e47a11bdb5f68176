"""Proofs hold where all is well, and notice every fault that is planted."""
