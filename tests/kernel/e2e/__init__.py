"""End to end: real sockets in network namespaces, under bundles of our own."""
