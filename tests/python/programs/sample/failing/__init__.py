from . import works as works
