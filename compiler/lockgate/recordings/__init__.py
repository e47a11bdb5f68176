"""Recorded flows (Hubble's and our own) against policies: replay them, or learn from them."""
