"""The native language: policies (``*.gate``) and their tests (``*.gatetest``)."""
