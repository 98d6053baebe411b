"""Datasets: sources of images, and how they are read and verified."""
