"""Readable text that keeps the layout of lists and tables."""

from __future__ import annotations

import pytest
from test_chunking import chunk

from rag.layout import laid_out_text


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("Hola :wave:{ .big } **a todos**.<!-- no -->\n", "Hola a todos."),
        ("Trae:\n\n1. lápiz\n1. papel\n", "Trae:\n1. lápiz\n2. papel"),
        ("1. Uno.\n\n    Sigue. Y sigue.\n1. Dos.\n", "1. Uno.\nSigue.\nY sigue.\n2. Dos."),
        ("- uno\n    - dentro\n- [x] dos\n", "- uno\n    - dentro\n- dos"),
        (
            "| Nombre | Monto |\n| --- | --- |\n| [Bono](bono.md) | **$120.000** |\n| Gimnasio | |\n",
            "| Bono | $120.000 |\n| Gimnasio |  |",
        ),
        ("# Valores\n\n## Respeto\n\nMucho.\n\n## Calma\n\nTambién.\n", "Respeto\nCalma"),
    ],
    ids=["prose", "numbers", "paragraphs", "nesting", "table", "outline"],
)
def test_marks_of_lists_and_tables_stay_and_all_other_markup_goes(source: str, text: str) -> None:
    assert laid_out_text(chunk(source)[0]) == text
