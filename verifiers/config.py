"""``verify.toml``: found, read and validated; what is wrong with it is told with file, line and key."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args

from pydantic import Field, PositiveFloat, PositiveInt, ValidationError

from verifiers.configtypes import Bytes, KnownArch, KnownFamily, Words
from verifiers.errors import CcverifyError, UsageError
from verifiers.excuses import Excuse
from verifiers.nearest import hint
from verifiers.nightly.settings import NightlyConfig
from verifiers.results import Frozen
from verifiers.tomllines import line_of

FILENAME = "verify.toml"
_Model = TypeVar("_Model", bound=Frozen)


class ConfigMissing(UsageError):
    """--config names nothing that can be read."""

    msg = "cannot read the configuration {path}: {detail}; check --config"


class ConfigError(UsageError):
    """Something in verify.toml is wrong."""

    msg = "{path}:{line}: {key}{detail}"


class CompilerEntry(Frozen):
    """[compiler.NAME]: a compiler of the user's own. Relative paths are relative to the file's folder."""

    command: Words = ()
    family: KnownFamily | None = None  # where it is not to be guessed
    version: str = ""  # where the compiler does not say it
    files: tuple[str, ...] = ()  # further files and folders that decide what it makes
    default: bool = False  # taken where neither --cc nor $CC names one
    targets: dict[KnownArch, Words] = Field(default_factory=dict)  # arch -> command
    env: dict[str, str] = Field(default_factory=dict)
    lacks: tuple[str, ...] | None = None  # labels of cases that it does not claim to support; by default its family's
    linker: Literal["own", "oracle"] | None = None  # who links what it makes; by default as its family says


class LimitsConfig(Frozen):
    """[limits]: seconds, sizes in bytes (or "2 GiB"), numbers; what is not given keeps its built-in value."""

    compile_seconds: PositiveFloat | None = None
    compile_memory: Bytes | None = None
    step_seconds: PositiveFloat | None = None
    plugin_seconds: PositiveFloat | None = None  # of a plugin's own Python between two commands
    memory: Bytes | None = None
    processes: PositiveInt | None = None
    file: Bytes | None = None
    disk: Bytes | None = None
    log: Bytes | None = None
    objects: Bytes | None = None  # of the oracle's, kept for mixes with one candidate


class FetchConfig(Frozen):
    """[fetch]."""

    mirrors: tuple[str, ...] = ()


class ProjectEntry(Frozen):
    """[project.NAME]: what its tests can use and no archive has."""

    samples: Path | None = None  # a folder; absolute once loaded


class ExcuseFile(Frozen):
    """The file that ``excuses`` names."""

    excuse: tuple[Excuse, ...] = ()


class Config(Frozen):
    """The whole file. ``path`` is where it was read from, None where there is none."""

    compiler: dict[str, CompilerEntry] = Field(default_factory=dict)
    limits: LimitsConfig = LimitsConfig()
    fetch: FetchConfig = FetchConfig()
    project: dict[str, ProjectEntry] = Field(default_factory=dict)
    excuse: tuple[Excuse, ...] = ()  # those of the file and of the one it names
    excuses: str = ""  # a file with [[excuse]] tables
    nightly: NightlyConfig = NightlyConfig()
    state: Path | None = None  # absolute once loaded
    sandbox: Literal["bubblewrap", "none"] = "bubblewrap"
    jobs: PositiveInt | None = None
    path: Path | None = Field(default=None, exclude=True)

    @property
    def folder(self) -> Path:
        """What the file's relative paths are relative to."""
        return self.path.parent if self.path else Path.cwd()

    @property
    def default_compiler(self) -> str | None:
        """The name of the entry marked default."""
        return next((name for name, entry in self.compiler.items() if entry.default), None)


def find_config(
    given: Path | None = None, start: Path | None = None, environ: Mapping[str, str] | None = None
) -> Path | None:
    """``--config``, else verify.toml upward from ``start`` to the git root or the top, else the user's own."""
    if given is not None:
        return Path(given)
    here = Path(start or Path.cwd()).absolute()
    for folder in (here, *here.parents):
        if (folder / FILENAME).is_file():
            return folder / FILENAME
        if (folder / ".git").exists():
            break
    env = os.environ if environ is None else environ
    base = env.get("XDG_CONFIG_HOME") or os.path.join(env.get("HOME") or os.path.expanduser("~"), ".config")
    own = Path(base) / "ccverify" / FILENAME
    return own if own.is_file() else None


def load_config(path: Path | None) -> Config:
    """Reads and validates what find_config found; None gives the defaults. Raises ConfigMissing and ConfigError."""
    if path is None:
        return Config()
    text, document = _read(path)
    if "path" in document:  # a field of the model, and no key of the file
        raise _unknown(path, text, ("path",), Config)
    config = _validated(Config, path, text, document)
    _check(config, path, text)
    config = _absolute(config.model_copy(update={"path": path.absolute()}))
    if not config.excuses:
        return config
    named = Path(config.excuses)
    if not named.is_file():
        raise _error(path, text, ("excuses",), f": there is no file {named}")
    more = _validated(ExcuseFile, named, *_read(named)).excuse
    return config.model_copy(update={"excuse": config.excuse + more})


def _read(path: Path) -> tuple[str, dict[str, Any]]:
    """A file's text and what it holds as TOML."""
    try:
        text = path.read_text("utf-8")
    except UnicodeDecodeError as error:
        line = path.read_bytes()[: error.start].count(b"\n") + 1
        raise ConfigError(path=path, line=line, key="", detail="not UTF-8 text; save it as UTF-8") from None
    except OSError as error:
        raise ConfigMissing(path=path, detail=(error.strerror or str(error)).lower()) from None
    try:
        return text, tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise _not_toml(path, text, str(error)) from None


def _validated(model: type[_Model], path: Path, text: str, document: dict[str, Any]) -> _Model:
    try:
        return model.model_validate(document)
    except ValidationError as error:
        # a misspelt key is also a missing one: the first tells more
        first = min(error.errors(), key=lambda each: each["type"] != "extra_forbidden")
        raise _invalid(path, text, model, first) from None


def _check(config: Config, path: Path, text: str) -> None:
    defaults = [name for name, entry in config.compiler.items() if entry.default]
    if len(defaults) > 1:
        raise _error(path, text, ("compiler", defaults[1], "default"), f": {defaults[0]} is the default already")
    for name, entry in config.compiler.items():
        if not entry.command and not entry.targets:
            raise _error(path, text, ("compiler", name), ': give it a command, such as command = "/opt/mycc/bin/mycc"')
        if not re.fullmatch(r"[A-Za-z0-9][\w.+@-]*", name):
            raise _error(path, text, ("compiler", name), ": a name is letters, digits and any of . _ + @ -")


def _absolute(config: Config) -> Config:
    """The same with its relative paths put below the file's folder, and ~ expanded."""

    def place(text: str) -> str:
        return os.path.normpath(os.path.join(config.folder, os.path.expanduser(text)))

    def command(words: tuple[str, ...]) -> tuple[str, ...]:
        return (place(words[0]), *words[1:]) if words and "/" in words[0] else words

    entries = {
        name: entry.model_copy(
            update={
                "command": command(entry.command),
                "files": tuple(place(each) for each in entry.files),
                "targets": {each: command(words) for each, words in entry.targets.items()},
            }
        )
        for name, entry in config.compiler.items()
    }
    night = config.nightly
    nightly = night.model_copy(
        update={
            "plugins": tuple(place(each) for each in night.plugins),
            "report": night.report and place(night.report),
            "candidates": tuple(place(each) if "/" in each else each for each in night.candidates),
            "also": tuple(
                each.model_copy(
                    update={"candidates": tuple(place(name) if "/" in name else name for name in each.candidates)}
                )
                if each.candidates
                else each
                for each in night.also
            ),
        }
    )
    state = config.state and Path(place(str(config.state)))
    excuses = config.excuses and place(config.excuses)
    projects = {
        name: entry.model_copy(update={"samples": entry.samples and Path(place(str(entry.samples)))})
        for name, entry in config.project.items()
    }
    update = {"compiler": entries, "project": projects, "state": state, "excuses": excuses, "nightly": nightly}
    return config.model_copy(update=update)


def _not_toml(path: Path, text: str, detail: str) -> ConfigError:
    found = re.search(r" \(at line (\d+), column \d+\)$| \(at end of document\)$", detail)
    line = int(found[1]) if found and found[1] else text.count("\n") + 1
    what = detail[: found.start()] if found else detail
    return ConfigError(path=path, line=line, key="", detail=f"not valid TOML: {what[:1].lower()}{what[1:]}")


def _invalid(path: Path, text: str, model: type[Frozen], first: Any) -> CcverifyError:
    """One line for pydantic's first complaint."""
    where = tuple(str(part) for part in first["loc"] if part != "[key]")
    if first["type"] == "extra_forbidden":
        return _unknown(path, text, where, _model(where[:-1], model))
    message = str(first["msg"]).removeprefix("Value error, ")
    given = first.get("input")
    shown = f" (got {given!r})" if isinstance(given, str | int | float | bool) else ""
    return _error(path, text, where, f": {message[:1].lower()}{message[1:]}{shown}")


def _model(where: tuple[str, ...], whole: type[Frozen]) -> type[Frozen]:
    """The model that describes the table at a place."""
    for part in where:
        field = whole.model_fields.get(part)
        inner = [each for each in _types(field.annotation) if issubclass(each, Frozen)] if field else []
        whole = inner[0] if inner else whole
    return whole


def _types(annotation: Any) -> Iterator[type]:
    if isinstance(annotation, type) and not get_args(annotation):
        yield annotation
    for part in get_args(annotation):
        yield from _types(part)


def _unknown(path: Path, text: str, where: tuple[str, ...], model: type[Frozen]) -> ConfigError:
    names = [name for name in model.model_fields if (model, name) != (Config, "path")]
    return _error(path, text, where, f": unknown key{hint(where[-1], names)}; known are: {', '.join(names)}")


def _error(path: Path, text: str, where: tuple[str, ...], detail: str) -> ConfigError:
    return ConfigError(path=path, line=line_of(text, where), key=".".join(where), detail=detail)
