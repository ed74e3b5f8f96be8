"""Training on what was chosen, beside other choices: did curation help?

A run compares arms (ways to choose examples) at equal budgets with paired seeds, on a test set that
was taken out first. Its folder is `runs/<id>/`; see `curation.runs`.
"""
