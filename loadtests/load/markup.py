"""What the pages of `beholden-load` are made of: no script, no font, no address."""

import json
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml

from operators.errors import SettingsRefused

Document = Mapping[str, Any]
_DIGESTS = ("policy", "cluster", "scenario", "detector", "embedder", "pool")


def read_document(file: Path, form: str, command: str) -> dict[str, Any]:
    """What a command wrote as JSON.

    Args:
        file: Where.
        form: Which form it must have.
        command: Who writes it.

    Raises:
        SettingsRefused: It is something else.
    """
    try:
        document = json.loads(file.read_bytes())
    except (OSError, ValueError) as error:
        raise SettingsRefused(f"{file}: not JSON that can be read: {type(error).__name__}") from None
    if not isinstance(document, dict) or document.get("form") != form:
        raise SettingsRefused(f"{file}: not a result of form {form}; write it with 'beholden-load {command} --json'")
    return document


def page(title: str, body: str) -> str:
    """A whole document that needs nothing else.

    Args:
        title: Plain text.
        body: HTML.
    """
    style = files("loadtests.load").joinpath("page.css").read_text(encoding="utf-8")
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        f"<title>{escape(title)}</title><style>{style}</style></head><body><main>{body}</main></body></html>\n"
    )


def header(document: Document, word: str, is_good: bool) -> str:
    """Name, what it stands for, machine, and what came of it.

    Args:
        document: Of a run or of a search.
        word: What came of it.
        is_good: Whether that is as it should be.
    """
    return (
        f"<header><div><h1>{escape(document['name'])}</h1><p>{escape(document['scenario']['about'])}</p>"
        f'<p class="quiet">{escape(document["begin"])} &middot; {escape(str(document["about"]["processor"]))}, '
        f"{document['about']['cores']} cores</p></div>"
        f'<div class="verdict {"good" if is_good else "bad"}">{escape(word)}</div></header>'
    )


def repeat(document: Document, further: Sequence[tuple[str, str]] = ()) -> str:
    """All that is needed to do it again.

    Args:
        document: Of a run or of a search.
        further: More of it, plain text.
    """
    about = document["about"]
    rows = [("command", f"<code>{escape(str(about['command']))}</code>")]
    rows += [("seed", str(document["scenario"]["seed"]))]
    rows += [(f"{name}, sha256", f"<code>{escape(str(about[name]))}</code>") for name in _DIGESTS if name in about]
    told = {"command", *_DIGESTS}
    rows += [(name, escape(str(value))) for name, value in about.items() if name not in told]
    rows = [(escape(name), value) for name, value in [*rows, *((name, escape(text)) for name, text in further)]]
    text = yaml.safe_dump(document["scenario"], sort_keys=False, allow_unicode=True)
    return table(("", ""), rows, "facts") + f"<details><summary>scenario</summary><pre>{escape(text)}</pre></details>"


def chart(svg: str, title: str, about: str) -> str:
    """A plot under its heading."""
    return f'<figure><figcaption><b>{title}</b><span class="quiet">{about}</span></figcaption>{svg}</figure>'


def table(heads: Iterable[str], rows: Iterable[Iterable[str]], kind: str = "") -> str:
    """A table; cells are HTML."""
    head = "".join(f"<th>{each}</th>" for each in heads)
    head = f"<thead><tr>{head}</tr></thead>" if head.replace("<th></th>", "") else ""
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    return f'<table class="{kind}">{head}<tbody>{body}</tbody></table>'


def time(ms: float | None) -> str:
    """Milliseconds as people read them."""
    if ms is None:
        return "&ndash;"
    return f"{ms:,.0f} ms" if ms < 10_000 else f"{ms / 1000:,.1f} s"
