"""A handbook folder read into pages of chunks; every file is a page, skipped with a reason, or failed with one."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from ingest.chunking import chunk_document
from ingest.document import Document
from ingest.markdown import parse_markdown
from ingest.sources import Discovery, Site, Skipped, SourceFile, discover, read_source
from ingest.urls import page_url
from rag.errors import SourceError
from rag.settings import Settings
from rag.types import Chunk

CountTokens = Callable[[Sequence[str]], list[int]]

DRAFT = "marked as a draft (FARO_INCLUDE_DRAFTS=true indexes drafts too)"
NO_TEXT = "no text"
LONGEST_UNIT = 10_000  # characters; several pages without a full stop are data, and no answer could show them
NO_PUBLIC_ADDRESS = (
    "the public address of the handbook is not known: citations carry addresses relative to it (FARO_SITE_URL sets it)"
)


@dataclass(frozen=True, slots=True)
class Page:
    """One readable page. ``file_hash`` is the SHA-256 (hex) of its text; ``chunks`` all have units."""

    path: str
    title: str
    url: str
    file_hash: str
    updated: str | None
    draft: bool
    wip: bool
    chunks: tuple[Chunk, ...]


@dataclass(frozen=True, slots=True)
class Handbook:
    """All that was found. ``problems`` are remarks about the site and about metadata that could not be understood."""

    site: Site
    pages: tuple[Page, ...]
    skipped: tuple[Skipped, ...]
    failed: tuple[Skipped, ...]
    problems: tuple[str, ...]


def read_handbook(
    settings: Settings, *, count_tokens: CountTokens, max_tokens: int, progress: Callable[[int, int], None]
) -> Handbook:
    """Read every page of ``settings.handbook``; ``progress`` gets (done, total) after each.

    Raises IngestError when there is no such folder or no page in it. A page that cannot be read is in ``failed``.
    """
    discovery = discover(settings.handbook, exclude=settings.exclude, site_url=settings.site_url)
    reading = _Reading(settings, discovery, count_tokens, max_tokens)
    for done, source in enumerate(discovery.files, 1):
        reading.take(source)
        progress(done, len(discovery.files))
    return reading.handbook()


class _Reading:
    """The pages read so far."""

    def __init__(self, settings: Settings, discovery: Discovery, count_tokens: CountTokens, max_tokens: int) -> None:
        self._include_drafts = settings.include_drafts
        self._site = discovery.site
        self._count_tokens = count_tokens
        self._max_tokens = max_tokens
        self._positions = {path: position for position, path in enumerate(discovery.site.nav)}
        self._pages: list[Page] = []
        self._skipped = list(discovery.skipped)
        self._failed: list[Skipped] = []
        self._problems = list(discovery.site.problems)
        if discovery.site.site_url is None:
            self._problems.append(NO_PUBLIC_ADDRESS)
        self._chunk_pages: dict[str, str] = {}

    def take(self, source: SourceFile) -> None:
        """Read one file into a page, a skipped or a failed one."""
        try:
            text = read_source(source)
            document = parse_markdown(text, source.path, self._site)
            if source.draft:
                document = replace(document, meta=replace(document.meta, draft=True))
            self._problems += [f"{source.path}: {problem}" for problem in document.meta.problems]
            if document.meta.draft and not self._include_drafts:
                self._skipped.append(Skipped(source.path, DRAFT))
                return
            page = self._page(document, text)
        except SourceError as error:
            self._failed.append(Skipped(source.path, error.reason))
        except RecursionError:
            self._failed.append(Skipped(source.path, "nested too deeply to be parsed"))
        else:
            self._keep(page)

    def handbook(self) -> Handbook:
        """What all files taken amount to."""
        return Handbook(
            site=self._site,
            pages=tuple(sorted(self._pages, key=lambda page: page.path)),
            skipped=tuple(self._skipped),
            failed=tuple(self._failed),
            problems=tuple(self._problems),
        )

    def _page(self, document: Document, text: str) -> Page:
        url = page_url(self._site, document.path, document.meta)
        chunks = chunk_document(
            document,
            page_url=url,
            count_tokens=self._count_tokens,
            max_tokens=self._max_tokens,
            nav_position=self._positions.get(document.path),
        )
        return Page(
            path=document.path,
            title=document.title,
            url=url,
            file_hash=hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest(),
            updated=document.meta.updated,
            draft=document.meta.draft,
            wip=document.meta.wip,
            chunks=tuple(chunk for chunk in chunks if chunk.units and not self._is_endless(chunk)),
        )

    def _is_endless(self, chunk: Chunk) -> bool:
        longest = max(len(unit.text) for unit in chunk.units)
        if longest > LONGEST_UNIT:
            self._problems.append(
                f"{chunk.path}: from line {chunk.span.start_line}, {longest} characters without a break are left out"
            )
        return longest > LONGEST_UNIT

    def _keep(self, page: Page) -> None:
        taken = next((self._chunk_pages[chunk.id] for chunk in page.chunks if chunk.id in self._chunk_pages), None)
        if not page.chunks:
            self._skipped.append(Skipped(page.path, NO_TEXT))
        elif taken is not None or len({chunk.id for chunk in page.chunks}) < len(page.chunks):
            self._failed.append(Skipped(page.path, f"its passages have the same ids as those of {taken or 'others'}"))
        else:
            self._pages.append(page)
            self._chunk_pages.update((chunk.id, page.path) for chunk in page.chunks)
