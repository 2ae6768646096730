"""networkx: a shortest path."""

from import_clock import imports_timed

with imports_timed():
    import networkx

graph = networkx.grid_2d_graph(6, 6)
print(networkx.shortest_path_length(graph, (0, 0), (5, 5)))
