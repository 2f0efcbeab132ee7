"""Jinja as reports use it: all is escaped, and what cannot be seen in text from elsewhere is shown."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from markupsafe import Markup

from verifiers.report.visible import one, visible
from verifiers.report.wording import duration

HERE = Path(__file__).parent


def _shown(value: object) -> object:
    """What every ``{{ … }}`` goes through: text of our own making is Markup, any other is made harmless."""
    if isinstance(value, str) and not isinstance(value, Markup):
        return visible(value)
    return value


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        finalize=_shown,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(one=one, duration=duration)
    return environment


def template(name: str) -> Template:
    """A template of this package."""
    return _environment().get_template(name)
