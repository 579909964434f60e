"""A handbook of three pages for tests that run the real thing from end to end."""

from __future__ import annotations

from pathlib import Path

PAGES = {
    "index.md": "# Manual de la casa\n\nBienvenida a la empresa.\n",
    "vacaciones.md": (
        "---\ntitle: Vacaciones\n---\n\n# Vacaciones\n\n## Días\n\n"
        "Cada persona tiene 23 días laborables de vacaciones al año.\n\n"
        "## Cómo pedirlas\n\nLas vacaciones se piden en el calendario con dos semanas de antelación.\n"
    ),
    "gastos.md": (
        "# Gastos\n\n## Viajes\n\nEl tren se paga siempre en clase turista.\n\n"
        "- El hotel cuesta como mucho 120 euros por noche.\n- La dieta es de 40 euros al día.\n"
    ),
}
VACATION_ES = "¿Cuántos días de vacaciones tengo al año?"
VACATION_EN = "How many vacation days do I have per year?"
VACATION_FACT = "23 días laborables"
UNKNOWN = "¿Cuál es la distancia de la Tierra a la Luna?"


def write_handbook(folder: Path) -> Path:
    """Write the pages into ``folder`` and return it."""
    folder.mkdir(parents=True)
    for name, text in PAGES.items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder
