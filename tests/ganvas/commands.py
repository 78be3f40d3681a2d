"""The command line as a test runs it."""

from typer.testing import CliRunner, Result

from ganvas.cli import app
from tests.ganvas.local_server import LocalServer


def run(*arguments: str) -> Result:
    result = CliRunner().invoke(app, arguments)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def ganvas(server: LocalServer, *arguments: str) -> Result:
    return run(*arguments, "--url", server.url)
