"""Methods that choose k of N rows, and how a budget is shared out among the values of a column.

A method yields rows one after the other, the row it prefers first. A budget takes rows from it until it
is spent, so a larger budget only adds rows to the choice of a smaller one.
"""
