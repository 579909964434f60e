"""A handbook folder and its index in a temporary folder, for tests of ingest and of reading."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from word_encoder import WordEncoder

from ingest.sync import IngestReport, ingest
from rag.index import IndexReader, Snapshot
from rag.settings import Settings

VACATIONS = "# Vacaciones\n\nCada persona tiene 23 días de vacaciones.\n\nSe piden con dos semanas.\n"
EXPENSES = "# Gastos\n\nEl tren se paga en clase turista.\n\n- El hotel cuesta 120 euros.\n- La dieta es de 40 euros.\n"
HOME = "# Manual\n\nBienvenida a la empresa.\n"


@dataclass
class SmallIndex:
    """``root/handbook`` and ``root/index``; ``options`` are further settings."""

    root: Path
    encoder: WordEncoder = field(default_factory=WordEncoder)
    options: dict[str, Any] = field(default_factory=dict)

    @property
    def handbook(self) -> Path:
        return self.root / "handbook"

    @property
    def index(self) -> Path:
        return self.root / "index"

    @property
    def settings(self) -> Settings:
        return Settings(_env_file=None, handbook=self.handbook, index=self.index, **self.options)

    def write(self, **pages: str) -> None:
        """Write pages by name, without their `.md`."""
        self.handbook.mkdir(exist_ok=True)
        for name, text in pages.items():
            (self.handbook / f"{name}.md").write_text(text, encoding="utf-8", newline="")

    def write_three(self) -> None:
        self.write(index=HOME, vacaciones=VACATIONS, gastos=EXPENSES)

    def ingest(self, **options: Any) -> IngestReport:
        return ingest(self.settings, self.encoder, **options)

    def reader(self) -> IndexReader:
        return IndexReader(self.index, self.encoder, chroma_url=self.settings.chroma_url)

    def snapshot(self) -> Snapshot:
        return self.reader().current()

    def paths_of(self, question: str, k: int = 1) -> list[str]:
        """The pages of the chunks nearest to ``question``."""
        snapshot = self.snapshot()
        return [snapshot.by_id[name].path for name, _ in snapshot.search_chunks(self.encoder.vector(question), k)]

    def versions(self) -> list[str]:
        return sorted(path.name for path in (self.index / "versions").iterdir())
