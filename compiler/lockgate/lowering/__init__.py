"""From tracing policies to what a target can run: where each hook stands, what it reads there."""
