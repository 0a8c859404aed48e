"""The `rag` command: parse, call, print. Knows nothing that a library user could not call too.

One module holds the commands of one purpose; `console` holds what all of them share.
"""

from __future__ import annotations

import click

from rag import __version__
from rag.cli.asking import ask, search, timeline
from rag.cli.collection import index, status
from rag.cli.console import Group
from rag.cli.machine import doctor, models
from rag.cli.measuring import eval_group
from rag.cli.serving import chat, password
from rag.cli.watching import watch


@click.group(cls=Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="rag")
def main() -> None:
    """Cited answers from news articles, on your own machine."""


for _command in (index, watch, status, ask, search, timeline, doctor, models, eval_group, chat, password):
    main.add_command(_command)
