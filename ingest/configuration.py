"""Reads YAML, TOML and JSON written by others as plain data: nothing in them is executed or expanded without bound."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

OnTag = Callable[[str, object], object]

# Far beyond any real configuration, and parsed in seconds.
MAX_CONFIGURATION_BYTES = 1_000_000
# Nodes after every alias is written out: a "billion laughs" file counts as what it would become.
MAX_NODES = 100_000
MAX_DEPTH = 50

_CORE_TAG = "tag:yaml.org,2002:"
_CORE_NAMES = {
    "null",
    "bool",
    "int",
    "float",
    "str",
    "seq",
    "map",
    "merge",
    "timestamp",
    "binary",
    "omap",
    "set",
    "pairs",
}
_TRUE = {"true", "yes", "on", "y", "1", "si", "sí"}
_FALSE = {"false", "no", "off", "n", "0"}


def parse_yaml(text: str, on_tag: OnTag | None = None) -> tuple[object, tuple[str, ...]]:
    """The value in ``text`` and what was odd about it (keys given twice: the last one counts).

    Scalars stay text as written (`1.10`, `no`, `2024-02-30`), except null, which is None; so no value can be wrong
    here, and what a key means is its reader's to say. Tags are never obeyed: ``on_tag`` gets the tag and the plain
    value below it and returns what to put there; without it the plain value stays. Raises ValueError, in one line.
    """
    try:
        node = _BoundedLoader(text).get_single_node()
    except yaml.MarkedYAMLError as error:
        line = f" (line {error.problem_mark.line + 1})" if error.problem_mark else ""
        raise ValueError(f"{error.problem or error.context or 'invalid YAML'}{line}") from error
    except yaml.YAMLError as error:
        raise ValueError(" ".join(str(error).split())) from error
    except OverflowError as error:
        raise ValueError(f"invalid character escape ({error})") from error
    problems: list[str] = []
    return _plain(node, on_tag or (lambda tag, value: value), problems), tuple(problems)


def parse_toml(text: str) -> dict[str, Any]:
    """The table in ``text``. Raises ValueError, in one line."""
    try:
        return tomllib.loads(text)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def parse_json_object(text: str) -> tuple[dict[str, Any], int]:
    """The object at the start of ``text`` and where it ends. Raises ValueError, in one line."""
    try:
        value, end = json.JSONDecoder().raw_decode(text)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    if not isinstance(value, dict):
        raise ValueError("not an object")
    return value, end


def read_configuration(file: Path, on_tag: OnTag | None = None) -> tuple[dict[str, Any], list[str]]:
    """The mapping in a configuration file (.yml, .yaml, .toml, .json) and the problems met; never raises."""
    try:
        with file.open("rb") as stream:
            data = stream.read(MAX_CONFIGURATION_BYTES + 1)
        if len(data) > MAX_CONFIGURATION_BYTES:
            raise ValueError(f"larger than {MAX_CONFIGURATION_BYTES} bytes")
        value, problems = _parse(data.decode("utf-8-sig"), file.suffix.lower(), on_tag)
    except OSError as error:
        return {}, [f"{file.name} cannot be read ({error.strerror}); its settings are ignored"]
    except ValueError as error:
        return {}, [f"{file.name} is not valid ({error}); its settings are ignored"]
    notes = [f"{file.name}: {problem}" for problem in problems]
    if value is None:
        return {}, notes
    if not isinstance(value, dict):
        return {}, [*notes, f"{file.name} is not a list of `key: value` settings; it is ignored"]
    return value, notes


def truth(value: object) -> bool | None:
    """True or False as people write them in either language; None if it is neither."""
    if isinstance(value, bool):
        return value
    word = str(value).strip(" \t'\"“”‘’").lower() if isinstance(value, str | int) else ""
    return True if word in _TRUE else False if word in _FALSE else None


def _parse(text: str, suffix: str, on_tag: OnTag | None) -> tuple[object, tuple[str, ...]]:
    if suffix == ".toml":
        return parse_toml(text), ()
    if suffix == ".json":
        return parse_json_object(text.lstrip())[0], ()
    return parse_yaml(text, on_tag)


class _BoundedLoader(yaml.SafeLoader):
    """Composes nodes only (no constructor ever runs) and refuses aliases that expand beyond measure."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._nodes = 0
        self._depth = 0
        self._sizes: dict[str, int] = {}

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        event: yaml.Event = self.peek_event()  # type: ignore[no-untyped-call]  # the stubs give it no type
        before = self._nodes
        if isinstance(event, yaml.AliasEvent):
            # An anchor without a size is still open: the alias would make the value contain itself.
            if event.anchor in self.anchors and event.anchor not in self._sizes:
                raise yaml.YAMLError(f"the alias *{event.anchor} refers to itself")
            self._nodes += self._sizes.get(event.anchor or "", 1)
        self._nodes += 1
        self._depth += 1
        if self._nodes > MAX_NODES or self._depth > MAX_DEPTH:
            raise yaml.YAMLError("too large or nested too deeply")
        node = super().compose_node(parent, index)
        self._depth -= 1
        if isinstance(event, yaml.NodeEvent) and not isinstance(event, yaml.AliasEvent) and event.anchor:
            self._sizes[event.anchor] = self._nodes - before
        return node


def _plain(node: yaml.Node | None, on_tag: OnTag, problems: list[str]) -> object:
    if node is None:
        return None
    value: object
    if isinstance(node, yaml.MappingNode):
        value = _plain_mapping(node, on_tag, problems)
    elif isinstance(node, yaml.SequenceNode):
        value = [_plain(item, on_tag, problems) for item in node.value]
    else:
        value = None if node.tag == f"{_CORE_TAG}null" else node.value
    if node.tag.removeprefix(_CORE_TAG) in _CORE_NAMES and node.tag.startswith(_CORE_TAG):
        return value
    return on_tag(node.tag, value)


def _plain_mapping(node: yaml.MappingNode, on_tag: OnTag, problems: list[str]) -> dict[str, object]:
    own: dict[str, object] = {}
    merged: dict[str, object] = {}
    for key_node, value_node in node.value:
        if not isinstance(key_node, yaml.ScalarNode):
            problems.append(f"line {key_node.start_mark.line + 1}: a key that is not text is ignored")
            continue
        value = _plain(value_node, on_tag, problems)
        if key_node.tag == f"{_CORE_TAG}merge":
            for part in value if isinstance(value, list) else [value]:
                merged = {**part, **merged} if isinstance(part, dict) else merged
            continue
        if key_node.value in own:
            problems.append(
                f"line {key_node.start_mark.line + 1}: `{key_node.value}` is given twice; the last one counts"
            )
        own[key_node.value] = value
    return {**merged, **own}
