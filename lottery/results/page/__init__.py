"""The summary page: one HTML file that needs no other, and its verdicts as JSON."""
