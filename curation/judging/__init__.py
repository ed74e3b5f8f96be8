"""Verdicts on examples by a language model that a person names: asked, remembered, and checked.

rubric     the criteria, what is asked, and how an answer is read
endpoint   requests to one address: no redirect, patience with busy servers
verdicts   the file that remembers every verdict, a line each
run        an estimate, then the run with control examples among the rows
plan       what a run would send, and to whom, for the rows of a project
"""
