"""Tickets as in the theorem: a random network of twice the depth, pruned by 0/1 masks so that it approximates a target."""
