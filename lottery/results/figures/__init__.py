"""Figures, one module each, drawn from finished results alone."""
