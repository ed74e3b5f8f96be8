"""Panels of the page Train, one subject a module."""
