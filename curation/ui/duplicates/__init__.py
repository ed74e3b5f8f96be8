"""The panels of the Duplicates page: the threshold, and two examples beside each other."""
