"""numpy: solve a small linear system."""

from import_clock import imports_timed

with imports_timed():
    import numpy as np

print(np.linalg.solve(np.array([[3.0, 1.0], [1.0, 2.0]]), np.array([9.0, 8.0])))
