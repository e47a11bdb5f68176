"""The command line: one verb, one module.

A verb's module has ``EXAMPLES`` (shown below its help), ``configure(parser)`` that adds its
arguments, and ``run(arguments)`` that returns the exit code: 0 done, 1 the input is refused
or the answer differs, 2 usage or environment.  It is imported when it is used, and imports
what is heavy inside ``run``.
"""
