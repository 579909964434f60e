"""Gives every page the address at which its site publishes it, and every heading its anchor."""

from __future__ import annotations

import posixpath
import unicodedata
from urllib.parse import quote

from ingest.anchors import AnchorRegistry, without_accents
from ingest.document import PageMeta
from ingest.hugo import split_page
from ingest.site import HugoRules, Site, relative_name

__all__ = ["AnchorRegistry", "page_url"]

_HEX = set("0123456789abcdefABCDEF")
_HUGO_ALLOWED = set("./\\_#+~-@")


def page_url(site: Site, path: str, meta: PageMeta) -> str:
    """The address of the page at ``path`` (relative to the root), percent-encoded.

    Absolute if the site's public address is known, else relative to the site (`/a/b/`). A plain folder has no
    addresses of its own: there it is the path.
    """
    if site.kind == "mkdocs":
        link = _mkdocs_link(site, path)
    elif site.hugo is not None:
        link = quote(_hugo_link(site, site.hugo, path, meta))
    else:
        link = quote(f"/{path}")
    return f"{site.site_url or ''}{link}"


def _mkdocs_link(site: Site, path: str) -> str:
    """MkDocs' rule (User Guide, "Writing your docs", file layout): README is index, page.md is page/."""
    docs = relative_name(site.content_dir, site.root)
    folder, name = posixpath.split(path[len(docs) :].lstrip("/") if docs else path)
    stem = posixpath.splitext(name)[0]
    stem = "index" if stem == "README" else stem
    if not site.directory_urls:
        return quote(posixpath.join("/", folder, f"{stem}.html"))
    segments = [folder] if stem == "index" else [folder, stem]
    return quote(_as_folder(segments))


def _hugo_link(site: Site, rules: HugoRules, path: str, meta: PageMeta) -> str:
    """Hugo's rules (gohugo.io, "URL management", "Multilingual", "Page bundles"), before percent-encoding."""
    page = split_page(site, path)
    prefix = page.language if page.language != site.language or rules.default_in_subdir else ""
    home = posixpath.dirname(path)
    bundle = _bundle_of(home, rules) or (home if page.name == "index" else None)
    has_address = bundle is None or (bundle == home and page.name == "index")
    if has_address and meta.url and "://" not in meta.url and page.folder + page.name != "_index":
        return _hugo_given_link(meta.url, prefix)
    folder, name = page.folder, page.name
    if rules.lowercase_paths:  # which also makes a hyphen of each space, where a run of them would be one
        folder, name = folder.replace(" ", "-"), name.replace(" ", "-")
    if bundle is not None:  # the other files of a bundle are shown on its page
        below = home[len(bundle) :].lstrip("/")
        folder = folder[: len(folder) - len(below)].rstrip("/") if below else folder
    if page.name == "_index" or (page.name == "index" and not folder):
        leaf = folder
    elif bundle is not None:
        slug = meta.slug if page.name == "index" else None
        leaf = posixpath.join(posixpath.dirname(folder), slug) if slug else folder
    else:
        leaf = posixpath.join(folder, meta.slug or name)
    clean = _hugo_clean(f"/{leaf}", rules)
    if site.directory_urls or clean == "/":
        return _as_folder([prefix, clean])
    if page.name == "_index":
        return f"{_as_folder([prefix, clean])}index.html"
    return f"{posixpath.join('/', prefix, clean.lstrip('/'))}.html"


def _hugo_given_link(url: str, prefix: str) -> str:
    """The `url` of a front matter: it is taken as it is, and only one without a leading slash gets the language."""
    link = posixpath.normpath(posixpath.join("/", "" if url.startswith("/") else prefix, url.lstrip("/")))
    link = f"/{link.lstrip('/')}"
    return link if "." in link and not url.endswith("/") else _as_folder([link])


def _bundle_of(folder: str, rules: HugoRules) -> str | None:
    """The outermost leaf bundle that holds ``folder`` (relative to the root), or None."""
    parts = folder.split("/")
    ancestors = ["/".join(parts[:count]) for count in range(1, len(parts) + 1)]
    return next((name for name in ancestors if name in rules.bundles), None)


def _hugo_clean(link: str, rules: HugoRules) -> str:
    """``link`` as Hugo writes paths: spaces become one hyphen, letters and digits of any script stay."""
    if rules.remove_accents:
        link = without_accents(link)
    kept: list[str] = []
    gap = False
    for position, character in enumerate(link):
        if _hugo_keeps(link, position):
            if gap and character != "-" and kept[-1] != "-":
                kept.append("-")
            kept.append(character)
            gap = False
        elif character.isspace():
            gap = bool(kept)
    text = "".join(kept)
    return text.lower() if rules.lowercase_paths else text


def _hugo_keeps(link: str, position: int) -> bool:
    character = link[position]
    if character == "%":
        return len(pair := link[position + 1 : position + 3]) == 2 and _HEX.issuperset(pair)
    return character in _HUGO_ALLOWED or unicodedata.category(character).startswith(("L", "M", "Nd"))


def _as_folder(segments: list[str]) -> str:
    link = "/".join(part for segment in segments if (part := segment.strip("/")))
    return f"/{link}/" if link else "/"
