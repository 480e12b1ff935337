"""The command `app`, which is also `python -m app`."""

import gc


def main() -> None:
    """Run the command line."""
    # Imports leave no garbage, and looking for it would be a fifth of the time to start.
    gc.disable()
    from app.cli import main as run

    gc.freeze()
    gc.enable()
    run()


if __name__ == "__main__":
    main()
