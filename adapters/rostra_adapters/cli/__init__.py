"""The command `rostra`. A command's code is imported only when it is called."""

from importlib import import_module
from typing import Any

import click

from rostra_adapters.cli.terminal import printable_error, say_failure

PROGRAM = "rostra"

COMMANDS = {
    # name | module, and its line in `rostra --help`
    "init": ("init", "Make a data folder, or the tables and roles of a database."),
    "serve": ("serve", "Run the service."),
    "project": ("serve", "Project events into the views, in a process of its own."),
    "notify": ("notify", "Mail readers what concerns them."),
    "subscriptions": ("subscriptions", "List the discussions that a person subscribes to."),
    "webhook": ("webhook", "Send a site's events to services of yours."),
    "token": ("token", "Print a token."),
    "revoke": ("revoke", "Refuse the tokens of a person or a service issued until now."),
    "publish": ("publish", "Publish a file of events to a running service."),
    "export": ("export", "Write the feed: the log as events to publish again."),
    "replay": ("replay", "Print a discussion as it grew."),
    "erase": ("erase", "Erase a person's words: names, bodies and reasons, for ever."),
    "drop-text": ("drop_text", "Drop the text of an article's revision."),
    "backup": ("backup", "Save the log and the keys, each in a file of its own."),
    "restore": ("backup", "Restore a backup without the words of persons erased since."),
    "rotate-master-key": ("rotate_master_key", "Replace the key that wraps persons' keys."),
    "epoch": ("epoch", "Begin another epoch of the log after a failover that lost events."),
    "rebuild": ("views", "Rebuild the views from the log while readers use the old ones."),
    "unpark": ("views", "Fold discussions again that views do not follow."),
    "verify": ("views", "Compare each view with a fresh fold of the log."),
    "status": ("views", "Show the log's head and how far each view has read."),
}


class _Commands(click.Group):
    """Group of commands whose modules are imported only when they run."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in COMMANDS:
            return None
        module = import_module(f"{__name__}.{COMMANDS[cmd_name][0]}")
        command: click.Command = getattr(module, cmd_name.replace("-", "_"))
        return command

    def invoke(self, ctx: click.Context) -> Any:
        """Print errors without passwords and without characters that control a terminal."""
        try:
            return super().invoke(ctx)
        except click.ClickException as error:
            raise printable_error(error) from None
        except (OSError, EOFError, click.Abort, click.exceptions.Exit):
            raise
        except Exception:  # noqa: BLE001  # not swallowed: it is printed
            say_failure()
            ctx.exit(1)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl([(name, said) for name, (_, said) in COMMANDS.items()])


@click.group(
    cls=_Commands,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(package_name=PROGRAM, prog_name=PROGRAM)
def main() -> None:
    """Run the core of a discussion platform: events in, views out.

    \b
    For example:
      rostra serve &
      export ROSTRA_TOKEN="$(rostra token --scope "publish admin")"
      rostra publish events.ndjson
    """
