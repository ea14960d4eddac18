"""What written equations mean: syntax trees → SymPy over the author's own names, definitions and forward passes."""
