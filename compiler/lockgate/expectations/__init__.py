"""Judge the tests of ``*.gatetest`` files: expectations, and never/always over whole sets."""
