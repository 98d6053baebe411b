"""From results to what people read: tables, comparison with the paper, figures, one summary page."""
