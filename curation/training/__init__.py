"""Training on what a recipe chose, and measuring whether the choice helped."""
