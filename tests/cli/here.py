"""A command of `nexusai` in this process: starting one takes seconds."""

import io
import subprocess
from contextlib import redirect_stderr

from typer.testing import CliRunner

from app.cli.main import cli
from app.cli.say import refuse
from registry.errors import RegistryError
from registry.settings import Settings, child_environment


def here(settings: Settings, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    """What `nexusai` with these arguments prints and ends with, on a home."""
    done = CliRunner().invoke(cli, arguments, input=stdin, env=child_environment(settings, COLUMNS="200"))
    status, errors = done.exit_code, io.StringIO(done.stderr)
    errors.seek(0, io.SEEK_END)
    if isinstance(done.exception, RegistryError):
        with redirect_stderr(errors):
            status = refuse(done.exception)
    elif done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return subprocess.CompletedProcess(arguments, status, done.stdout, errors.getvalue())
