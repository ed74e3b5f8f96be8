"""`python -m curation`, which is `curate`."""

from curation import process


def main() -> None:
    """Run the command line; it can be interrupted before its modules are there."""
    with process.running():
        from curation.cli import main as command_line

        command_line()


if __name__ == "__main__":
    main()
