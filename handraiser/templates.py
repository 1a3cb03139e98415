"""A shipped template and a folder in; the rulebook and its scenarios written there, for a project, out."""

from pathlib import Path

from detector.rulebooks import template


def write_template(name: str, folder: Path, project: str) -> list[Path]:
    """The files that were written. What is there already stays as it is. Raises OSError."""
    written = []
    for path, text in template(name).items():
        file = folder / path
        if not file.exists():
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text.replace(f"\nproject: {name}\n", f"\nproject: {project}\n", 1), encoding="utf-8")
            written.append(file)
    return written
