"""What a kernel offers to tracing policies, written down so that others can compile for it."""
