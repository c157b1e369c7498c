"""The API for people: its description as one page, without scripts and without anything fetched."""

from __future__ import annotations

import html
from collections.abc import Iterator
from typing import Any, Final

STYLE: Final = (
    "body{font:16px/1.5 system-ui;max-width:50rem;margin:2rem auto;padding:0 1rem}"
    "h2{font:600 1rem ui-monospace,monospace;border-top:1px solid #8886;padding-top:1rem}"
    "td,th{text-align:left;vertical-align:top;padding:.1rem 1rem .1rem 0}"
    "code{font-family:ui-monospace,monospace}:root{color-scheme:light dark}"
)


def page_of(description: dict[str, Any]) -> str:
    """As HTML.

    Args:
        description: As OpenAPI has it.
    """
    about = description["info"]
    schemas = description.get("components", {}).get("schemas", {})
    parts = [
        f"<h1>{_text(about['title'])} {_text(about['version'])}</h1>",
        f"<p>{_text(about['description'])}</p>",
        '<p>For programs: <a href="/openapi.json">openapi.json</a></p>',
        *_operations(description),
        "<h2>WebSocket /sessions/{name}/frames</h2>",
        "<p>Pictures as binary messages, answers as JSON, the first one a SessionSaid; before a "
        'picture a text message may say {"frame": 7, "time_s": 0.28} of it.</p>',
        *(_schema(name, schemas[name]) for name in sorted(schemas) if name.endswith("Said")),
    ]
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{_text(about["title"])}'
        f"</title><style>{STYLE}</style><body>{''.join(parts)}</body></html>"
    )


def _operations(description: dict[str, Any]) -> Iterator[str]:
    for path, methods in description["paths"].items():
        for method, operation in methods.items():
            yield f"<h2>{_text(method.upper())} {_text(path)}</h2>"
            yield f"<p>{_text(operation.get('description', ''))}</p>"
            rows = [
                (status, answer["description"]) for status, answer in operation["responses"].items()
            ]
            yield _table(rows)


def _schema(name: str, schema: dict[str, Any]) -> str:
    fields = schema["properties"].items()
    rows = [(field, about.get("description", about.get("title", ""))) for field, about in fields]
    return f"<h2>{_text(name)}</h2><p>{_text(schema.get('description', ''))}</p>{_table(rows)}"


def _table(rows: list[tuple[str, str]]) -> str:
    cells = (
        f"<tr><td><code>{_text(left)}</code></td><td>{_text(right)}</td></tr>"
        for left, right in rows
    )
    return f"<table>{''.join(cells)}</table>"


def _text(words: str) -> str:
    return html.escape(words)
