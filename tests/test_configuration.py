"""Configuration files of others as plain data."""

from __future__ import annotations

from pathlib import Path

import pytest

from ingest.configuration import MAX_CONFIGURATION_BYTES, parse_yaml, read_configuration, truth


def test_scalars_stay_as_written_and_null_is_none() -> None:
    value, problems = parse_yaml("a: 1.10\nb: no\nc: 2024-02-30\nd: ~\ne: 'null'\nf: 0x1F")
    assert value == {"a": "1.10", "b": "no", "c": "2024-02-30", "d": None, "e": "null", "f": "0x1F"}
    assert problems == ()


def test_merge_keys_fill_what_is_missing() -> None:
    value, _ = parse_yaml("base: &b {x: 1, y: 2}\nown:\n  <<: *b\n  y: 3")
    assert value == {"base": {"x": "1", "y": "2"}, "own": {"x": "1", "y": "3"}}


def test_tags_reach_the_caller_with_the_plain_value() -> None:
    seen: list[tuple[str, object]] = []

    def note(tag: str, value: object) -> object:
        seen.append((tag, value))
        return "replaced"

    value, _ = parse_yaml("a: !ENV [X, 1]\nb: !!python/name:os.system\nc: !!int 3", note)
    assert value == {"a": "replaced", "b": "replaced", "c": "3"}
    assert seen == [("!ENV", ["X", "1"]), ("tag:yaml.org,2002:python/name:os.system", "")]


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("a: [", id="unclosed"),
        pytest.param("a: b: c", id="two-colons"),
        pytest.param("a: *nobody", id="unknown-alias"),
        pytest.param("a: 1\n---\nb: 2", id="two-documents"),
        pytest.param("a: \x07", id="control-character"),
        pytest.param('a: "\\UFFFFFFFF"', id="character-beyond-unicode"),
        pytest.param("a: &a {b: *a}", id="contains-itself"),
        pytest.param("[" * 5000, id="deep"),
        pytest.param("%YAML 9.9\n--- a", id="foreign-version"),
        pytest.param("\t- a", id="tab"),
    ],
)
def test_broken_yaml_is_a_value_error_of_one_line(text: str) -> None:
    with pytest.raises(ValueError, match=r"^[^\n]+$"):
        parse_yaml(text)


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("mkdocs.yml", b"a: [", "is not valid"),
        ("mkdocs.yml", b"- a\n- b", "is not a list of `key: value` settings"),
        ("mkdocs.yml", b"a: \xff", "is not valid"),
        ("hugo.toml", b"a = ", "is not valid"),
        ("hugo.toml", b"a = " + b"[" * 5000, "is not valid"),
        ("hugo.json", b"[1]", "is not valid"),
        ("hugo.json", b'{"a":' * 50_000, "is not valid"),
        ("mkdocs.yml", b"#" * (MAX_CONFIGURATION_BYTES + 1), "larger than"),
    ],
)
def test_a_file_that_cannot_be_used_is_a_problem_and_no_settings(
    tmp_path: Path, name: str, content: bytes, problem: str
) -> None:
    file = tmp_path / name
    file.write_bytes(content)
    settings, problems = read_configuration(file)
    assert settings == {}
    assert len(problems) == 1 and problem in problems[0] and name in problems[0]


def test_a_missing_file_is_a_problem(tmp_path: Path) -> None:
    assert "cannot be read" in read_configuration(tmp_path / "hugo.toml")[1][0]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        *((word, True) for word in (True, "true", "Yes", "ON", "sí", "“true”", 1)),
        *((word, False) for word in (False, "false", "No", "off", 0)),
        *((word, None) for word in ("", "quizás", None, 7, [], {})),
    ],
)
def test_truth(value: object, expected: bool | None) -> None:
    assert truth(value) is expected
