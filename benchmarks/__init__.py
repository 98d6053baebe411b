"""How fast the solvers are, measured; see README.md."""
