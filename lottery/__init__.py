"""Optimal Lottery Tickets via SubsetSum (Pensia et al., NeurIPS 2020), reproduced, audited and taken further."""

__version__ = "0.1.0"
