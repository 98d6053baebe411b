"""Experiment 2: random networks pruned by learned scores (edge-popup), in the structures that the paper compares."""
