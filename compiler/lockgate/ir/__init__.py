"""The typed IR: frozen values, each with the span it came from."""
