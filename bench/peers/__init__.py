"""The same images from other people's serving frameworks, written as their documentation shows."""
