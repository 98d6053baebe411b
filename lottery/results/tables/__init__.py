"""Tables of results, and what they say beside the paper."""
