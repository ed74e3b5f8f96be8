"""The panels of the Coverage page, and the figure that it draws."""
