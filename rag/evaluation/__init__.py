"""A gold set and a bot become a report."""
