BEFORE = True
raise ImportError("broken on purpose", name=__name__)
