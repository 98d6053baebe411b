"""Datasets: where images come from, and how they are read and verified."""
