"""Front ends: one API kind, one file; located documents in, IR out."""
