"""SymPy assignments as NumPy functions, and the numerical cross-check of closed forms against oracles."""
