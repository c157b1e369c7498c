"""How settings are declared, read from YAML, changed by `key=value`, and refused when wrong."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from trackformer.errors import ConfigError

if TYPE_CHECKING:
    from pydantic._internal._model_construction import ModelMetaclass
else:
    ModelMetaclass = type(BaseModel)


class _RefusedInOneLine(ModelMetaclass):
    """Settings that are made in Python fail like those of files; inner ones within their outer."""

    def __call__(self, *values: Any, **named: Any) -> Any:
        try:
            return super().__call__(*values, **named)
        except ValidationError as error:
            raise _in_one_line(error, self, self.__name__) from error


class Settings(BaseModel, metaclass=_RefusedInOneLine):
    """Base of all settings: frozen, unknown keys refused, a docstring under each field is its help.

    Torch-free on purpose: the command line builds its help from these classes.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


LONGEST_VALUE: Final = 200
EXPECTED: Final = {
    "greater_than": "a number above {gt}",
    "greater_than_equal": "a number from {ge} on",
    "less_than": "a number below {lt}",
    "less_than_equal": "a number up to {le}",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_parsing_size": "a whole number of fewer digits",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "finite_number": "a finite number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "string_type": "text",
    "literal_error": "{expected}",
    "list_type": "a list",
    "tuple_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping of settings",
    "model_attributes_type": "a mapping of settings",
    "path_type": "a path",
    "too_short": "a list of at least {min_length}",
    "too_long": "a list of at most {max_length}",
    "union_tag_invalid": "kind to be one of {expected_tags}",
    "union_tag_not_found": "a setting 'kind' that says which kind it is",
}
"""What pydantic's kinds of problems mean; others have words of their own."""

NO_YAML: Final = (yaml.YAMLError, ValueError, RecursionError)
"""What reading it raises. ValueError: no UTF-8, a number of thousands of digits, or a date that
never was."""
SettingsT = TypeVar("SettingsT", bound=Settings)


def read_settings(
    settings_type: type[SettingsT], path: Path, overrides: Iterable[str] = ()
) -> SettingsT:
    """Read a YAML file into `settings_type`, then apply `a.b=value` overrides.

    Raises:
        ConfigError: The file is missing or not YAML, a key is unknown (the nearest valid one is
            named), a value has the wrong type or is out of range, or an override is malformed.
    """
    return settings_from(settings_type, apply_overrides(read_yaml(path), overrides), str(path))


def read_yaml(path: Path) -> dict[str, Any]:
    """The mapping in a YAML file; nothing in an empty one.

    Raises:
        ConfigError: The file is missing, not YAML, or no mapping.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ConfigError(f"{path}: no such settings file") from error
    except (OSError, *NO_YAML) as error:
        reason = " ".join(str(error).split())
        raise ConfigError(f"{path}: expected a YAML file: {reason}") from error
    if content is None:
        content = {}
    if not isinstance(content, dict):
        raise ConfigError(f"{path}: expected a mapping of settings, got {type(content).__name__}")
    return content


def settings_from(
    settings_type: type[SettingsT], content: Mapping[str, Any], where: str
) -> SettingsT:
    """Validate a mapping; `where` begins the message of a ConfigError."""
    try:
        return settings_type.model_validate(content)
    except ValidationError as error:
        raise _in_one_line(error, settings_type, where) from error


def apply_overrides(content: Mapping[str, Any], overrides: Iterable[str]) -> dict[str, Any]:
    """A copy of `content` with `a.b=value` settings replaced; values are read as YAML.

    >>> apply_overrides({"optimizer": {"steps": 10}}, ["optimizer.steps=20", "seed=3"])
    {'optimizer': {'steps': 20}, 'seed': 3}
    """
    changed: dict[str, Any] = dict(content)
    for override in overrides:
        key, separator, text = override.partition("=")
        if not separator or not key:
            raise ConfigError(
                f"expected key=value (a.b=value for nested settings), got {override!r}"
            )
        try:
            value = yaml.safe_load(text)
        except NO_YAML as error:
            raise ConfigError(f"{key}: expected a YAML value, got {text[:80]!r}") from error
        _set_nested(changed, key.split("."), value)
    return changed


def _set_nested(content: dict[str, Any], path: list[str], value: Any) -> None:
    for name in path[:-1]:
        inner = content.get(name)
        content[name] = dict(inner) if isinstance(inner, dict) else {}
        content = content[name]
    content[path[-1]] = value


def _in_one_line(error: ValidationError, settings_type: Any, where: str) -> ConfigError:
    problems = [_explain(problem, settings_type) for problem in error.errors()]
    return ConfigError(f"{where}: " + "; ".join(problems))


def _explain(problem: Any, settings_type: type[BaseModel]) -> str:
    """One pydantic problem as 'key: what, got'; unknown keys name the nearest valid one."""
    valid, keys = _descend(settings_type, problem["loc"])
    location = ".".join(keys)
    if problem["type"] == "extra_forbidden":
        name = str(problem["loc"][-1])
        nearest = difflib.get_close_matches(name, valid, n=1, cutoff=0.5)
        hint = f"did you mean {nearest[0]!r}?" if nearest else f"valid: {', '.join(sorted(valid))}"
        return f"unknown setting {location!r}; {hint}"
    if problem["type"] == "missing":
        return f"missing setting {location!r}"
    shown = repr(problem["input"])
    if len(shown) > LONGEST_VALUE:
        shown = f"{shown[:LONGEST_VALUE]}..."
    return f"{location + ': ' if location else ''}{_expected(problem)}, got {shown}"


def _expected(problem: Any) -> str:
    """What would have been right, in our words."""
    words = EXPECTED.get(problem["type"])
    if words is None:
        return str(problem["msg"]).removeprefix("Value error, ")
    limits = {
        name: int(limit) if isinstance(limit, float) and limit.is_integer() else limit
        for name, limit in problem.get("ctx", {}).items()
    }
    return "expected " + words.format(**limits)


def _descend(
    settings_type: type[BaseModel], location: tuple[Any, ...]
) -> tuple[set[str], list[str]]:
    """Valid names beside the last part of a problem's location, and its keys as a user wrote them.

    pydantic's location also holds the tag of the chosen variant of a union, which no key has.
    """
    types: set[type[BaseModel]] = {settings_type}
    keys: list[str] = []
    names: set[str] = set()
    for part in location:
        tagged = {kind for kind in types if _has_tag(kind, part)}
        if tagged:
            types = tagged
            continue
        keys.append(str(part))
        names = {name for kind in types for name in kind.model_fields}
        inner = {
            found
            for kind in types
            if part in kind.model_fields
            for found in _settings_types_in(kind.model_fields[part].annotation)
        }
        types = inner or types
    return names, keys


def _has_tag(kind: type[BaseModel], part: Any) -> bool:
    """True for the variant of a union whose `kind` setting has this value."""
    return (
        isinstance(part, str)
        and "kind" in kind.model_fields
        and (kind.model_fields["kind"].default == part)
    )


def _settings_types_in(annotation: Any) -> set[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return {annotation}
    arguments = getattr(annotation, "__args__", ())
    return {found for argument in arguments for found in _settings_types_in(argument)}
