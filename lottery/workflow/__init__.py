"""Snakemake's side: the configuration, what it plans, jobs that share work."""
