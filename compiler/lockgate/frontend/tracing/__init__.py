"""Tracing policies: one object to one :class:`lockgate.ir.tracing.TracingPolicy`."""
