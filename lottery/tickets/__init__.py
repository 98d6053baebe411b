"""Tickets in the theorem's sense: a random network of twice the depth, pruned by 0/1 masks until it computes a target."""
