"""The panels of the Load page: what may come in, how it is read, what came in, what was refused."""
