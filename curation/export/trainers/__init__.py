"""The delivery formats, one module each, found by import."""
