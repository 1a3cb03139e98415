"""`python docs/images/catch_card.py`: a lead of the tests in; catch-card.png, as a terminal shows it, out. Needs chromium."""

import contextlib
import io
import json
import os
import sys
from pathlib import Path
from zoneinfo import ZoneInfo

from rich.console import Console
from rich.terminal_theme import MONOKAI
from rich.text import Text
from slack_message import FLAME, photograph

sys.path.insert(0, str(Path(__file__).parents[2]))
from handraiser.card import card
from handraiser.output import print_card
from notifier.core.formats import FORMATS
from tests.notifier.leads import FULL, message

PAGE = """<!doctype html><meta charset="utf-8"><style>
body {{ margin: 0; padding: 14px 18px; background: {background}; color: {foreground} }}
pre {{ margin: 0; font: 14px/1.5 "DejaVu Sans Mono", monospace }}
</style><pre>{code}</pre>"""
LINKS = {key: f"https://leads.example.com/l/{FULL['lead_id']}?a={key}&s=…" for key in ("accept", "reject", "snooze", "lead")}


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


os.environ |= {"COLUMNS": "96", "FORCE_COLOR": "1", "TERM": "xterm-256color"}
with contextlib.redirect_stdout(Terminal()) as out:
    body = json.loads(FORMATS["standard"].body(message(FULL | {"takes_over": None, "links": LINKS})))
    print_card(card(body, body["id"], ZoneInfo("Europe/Berlin")))
record = Console(file=io.StringIO(), record=True, width=120)
record.print(Text.from_ansi(out.getvalue()), soft_wrap=True)
code = record.export_html(theme=MONOKAI, inline_styles=True, code_format="{code}")
page = PAGE.format(
    background=MONOKAI.background_color.hex, foreground=MONOKAI.foreground_color.hex, code=code.replace("🔥", FLAME)
)
photograph(page, "catch-card.png", 880, 368)
