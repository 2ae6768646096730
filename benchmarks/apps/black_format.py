"""black: format a short source text."""

from import_clock import imports_timed

with imports_timed():
    import black

print(black.format_str("def f( a,b = 1 ) :\n  return {'a':a,'b':b}\n", mode=black.Mode()))
