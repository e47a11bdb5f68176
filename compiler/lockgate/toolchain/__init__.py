"""The one place that starts a compiler, and reads what it wrote."""

from lockgate.toolchain.clang import Compiler, compile_c, find_compiler

__all__ = ["Compiler", "compile_c", "find_compiler"]
