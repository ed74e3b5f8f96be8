"""The panels of the page Select: form, verdict, curves, shares, two methods on a map, and reasons."""
