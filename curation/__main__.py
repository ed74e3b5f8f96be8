"""`python -m curation`, which is `curate`."""


def main() -> None:
    """Run the command line; what interrupts it waits until that can be answered."""
    import signal

    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    from curation import process

    with process.running():
        from curation.cli import main as command_line

        command_line()


if __name__ == "__main__":
    main()
