"""matplotlib: one line, drawn into memory."""

import io
import os
import tempfile

from import_clock import imports_timed

# A place of its own for the cache of fonts, the same in all runs: HOME is none.
os.environ.setdefault("MPLCONFIGDIR", os.path.join(tempfile.gettempdir(), "pycds-bench-matplotlib"))

with imports_timed():
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt

figure, axes = plt.subplots()
axes.plot([1, 2, 3], [1, 4, 9])
stream = io.BytesIO()
figure.savefig(stream, format="png")
print(stream.getvalue()[:4])
