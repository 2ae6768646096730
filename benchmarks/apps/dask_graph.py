"""Dask: a graph of delayed calls, computed in this process."""

from import_clock import imports_timed

with imports_timed():
    import dask
    import dask.bag

numbers = dask.bag.from_sequence(range(100), npartitions=4)
print(numbers.map(lambda number: number * number).sum().compute(scheduler="synchronous"))
