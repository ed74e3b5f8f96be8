"""The panels of the Map page, and the figures that they draw."""
