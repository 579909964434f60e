"""A retrieved chunk as it travels over HTTP and out of the command line."""

from __future__ import annotations

from api.schema import SearchHit
from rag.layout import laid_out_text
from rag.types import Hit


def search_hit(hit: Hit) -> SearchHit:
    """``hit`` with the readable text of its chunk."""
    chunk = hit.chunk
    return SearchHit(
        path=chunk.path,
        title=chunk.title,
        breadcrumb=list(chunk.breadcrumb),
        text=laid_out_text(chunk),
        score=hit.score,
        url=chunk.url,
        start_line=chunk.span.start_line,
        end_line=chunk.span.end_line,
    )
