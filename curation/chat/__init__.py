"""Conversations as chat templates read them: calls, rendering, and tokens."""
