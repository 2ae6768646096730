"""sympy: one derivative, simplified."""

from import_clock import imports_timed

with imports_timed():
    import sympy

x = sympy.Symbol("x")
print(sympy.simplify(sympy.diff(sympy.sin(x) ** 2, x)))
