"""A demonstration: a little cluster of network namespaces that obeys a policy.

``sudo ./dev demo`` compiles ``shop/``, applies it on a node of namespaces, and compares
what real packets do with ``expected.txt``, which a person wrote.
"""
