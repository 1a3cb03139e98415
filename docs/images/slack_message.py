"""`python docs/images/slack_message.py`: the golden Slack message in; slack-message.png beside this file out. Needs chromium."""

import html
import json
import re
import subprocess
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
GOLDEN = HERE.parents[1] / "tests" / "golden" / "webhook_slack_lead_created.json"
FLAME = (
    '<svg width="22" height="22" viewBox="0 0 24 24" style="vertical-align: -3px">'
    '<path fill="#f4900c" d="M12 1c2 4 7 7 7 13a7 7 0 0 1-14 0c0-3 2-5 3-7 1 1 1 2 2 3 1-3 1-6 2-9z"/>'
    '<path fill="#ffcc4d" d="M12 11c1 2 4 4 4 7a4 4 0 0 1-8 0c0-2 1-3 2-4 0 1 1 1 1 2 1-2 1-3 1-5z"/></svg>'
)
"""Of our own, for there is not a font with emoji everywhere."""
PAGE = """<!doctype html><meta charset="utf-8"><style>
body {{ margin: 0; padding: 16px 20px; width: 680px; color: #1d1c1d; font: 15px/1.46 Lato, Arial, "DejaVu Sans", sans-serif }}
body > * {{ margin: 5px 0 0 48px }}
.app {{ float: left; margin: 2px 0 0; width: 36px; border-radius: 8px; background: #4a154b; color: #fff }}
.app {{ font: bold 20px/36px "DejaVu Sans"; text-align: center }}
small {{ color: #616061; font-size: 12px }}
.badge {{ background: #eee; border-radius: 2px; padding: 1px 3px; font-size: 10px; font-weight: bold }}
h1 {{ font-size: 18px }}
.context {{ color: #616061; font-size: 13px; display: flex; gap: 8px }}
.context > :first-child {{ flex: none }}
a {{ color: #1264a3 }}
</style><div class="app">H</div><div><b>Handraiser</b> <span class="badge">APP</span> <small>4:03 PM</small></div>{}"""


def shown(text: dict[str, str]) -> str:
    """As Slack shows a text object: of a date its fallback."""
    if text["type"] == "plain_text":
        return html.escape(html.unescape(text["text"])).replace("🔥", FLAME)
    dated = re.sub(r"<!date\^[^|]*\|([^>]*)>", r"\1", text["text"])
    linked = re.sub(r"<(https?:[^|]*)\|([^>]*)>", r'<a href="\1">\2</a>', dated)
    return re.sub(r"\*([^*]+)\*", r"<b>\1</b>", linked)


def drawn(block: dict) -> str:
    if block["type"] == "context":
        return f'<div class="context">{"".join(f"<span>{shown(each)}</span>" for each in block["elements"])}</div>'
    tag = "h1" if block["type"] == "header" else "p"
    return f"<{tag}>{shown(block['text'])}</{tag}>"


def photograph(page: str, name: str, width: int, height: int) -> None:
    """The page as a picture beside this file."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "page.html")
        file.write_text(page)
        options = [
            "--headless",
            "--no-sandbox",
            "--hide-scrollbars",
            "--force-device-scale-factor=2",
            f"--window-size={width},{height}",
        ]
        subprocess.run(["chromium", *options, f"--screenshot={HERE / name}", file.as_uri()], check=True)  # noqa: S603, S607


if __name__ == "__main__":
    page = PAGE.format("".join(map(drawn, json.loads(GOLDEN.read_bytes())["blocks"])))
    photograph(page, "slack-message.png", 720, 330)
