"""The panels of the Clean page: the list of steps, the open step, what it did, a conflict."""
