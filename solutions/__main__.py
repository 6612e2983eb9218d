"""Solutions without the product: `python -m solutions --help`.

Exit codes: 0 done, 1 the work failed or the gate refused, 2 the data or the command must be
corrected, 130 stopped.
"""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from ml_core.errors import AssayError, ConfigError, DataError
from solutions import command_data, command_learning, command_models
from solutions.command_voice import FAILED, STOPPED, WRONG, say, tell_issues

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; errors of ours are told in a sentence."""
    args = _parser().parse_args(arguments)
    try:
        code: int = args.command(args)
    except DataError as error:
        tell_issues(error)
        return WRONG
    except ConfigError as error:
        say(f"Error: {error}")
        return WRONG
    except AssayError as error:
        say(f"Error: {error}")
        return FAILED
    except KeyboardInterrupt:
        say("Stopped. Nothing was kept.")
        return STOPPED
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m solutions", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for module in (command_learning, command_models, command_data):
        module.add(commands)
    return parser


if __name__ == "__main__":
    sys.exit(main())
