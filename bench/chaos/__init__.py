"""The soak test: many jobs under random faults, and then the question whether all promises held."""
