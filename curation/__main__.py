"""`python -m curation`, which is `curate`."""

from curation.cli import app, main

__all__ = ["app", "main"]

if __name__ == "__main__":
    main()
