"""`python -m customer_segmentation` runs the project like `kedro run`."""

from __future__ import annotations

from pathlib import Path

from kedro.framework.project import configure_project

from customer_segmentation.cli import run


def main() -> None:
    """Configure the project by the name of its package, then run it."""
    configure_project(Path(__file__).parent.name)
    run()


if __name__ == "__main__":
    main()
