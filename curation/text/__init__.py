"""Texts, one subject a module: scripts, words, folding, markup, template tokens, names for files."""
