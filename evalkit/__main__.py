"""Where `evalkit` and `python -m evalkit` begin: nothing else is imported before the working folder is left."""

from __future__ import annotations

from evalkit.core.search_path import leave_working_folder


def main() -> None:
    """Run the verb that was typed."""
    leave_working_folder()
    try:
        from evalkit.cli.main import script as typed
    except KeyboardInterrupt:
        raise SystemExit(130) from None  # nothing has begun
    typed()


if __name__ == "__main__":
    main()
