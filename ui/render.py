"""Text of the handbook and of people, made safe to show: HTML for what is read, Markdown for widgets' labels."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from html import escape
from string import Template
from typing import Final
from urllib.parse import quote, urlsplit

from markdown_it import MarkdownIt
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token

from api.schema import AskResponse, Citation, Language
from ui.passage import passage_html, plain_text
from ui.texts import Texts, format_date, format_lines

SECTION_SEPARATOR: Final = " › "
HERO_ID: Final = "first-view"
HANDBOOK_LANGUAGE: Final[Language] = "es"

# Zero-width: no line break here.
_WORD_JOINER: Final = "\u2060"
# Streamlit acts on these after Markdown has taken its backslashes away: emoji and icon names, arrows and dashes,
# addresses that become links. A zero-width character inside them is what stops it.
_INTERPRETED_LATER = re.compile(
    r":(?=[\w+\-/]+:)"
    r"|(?:(?<=\s)|^)[<>~-](?=(?:->|>|-|=)(?:\s|$))"
    r"|(?<=:)/(?=/)"
    r"|\bwww(?=\.)"
    r"|(?<=\S)@(?=\S)",
    re.IGNORECASE | re.ASCII,
)
_MARKDOWN_PUNCTUATION = re.compile(r"([!-/:-@\[-`{-~])")
_MARKER = re.compile(r"\[(\d{1,3})\]")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
# Streamlit may glide to the end of the page for half a second: scroll until the element has stayed for 45 frames, or
# the person takes over.
_SCROLL: Final = Template(
    """(() => {
  let stayed = 0, free = true;
  const end = performance.now() + 2500;
  const stop = () => { free = false; };
  for (const kind of ["wheel", "touchstart", "keydown", "pointerdown"])
    addEventListener(kind, stop, { once: true, capture: true });
  const step = () => {
    if (!free || performance.now() > end) return;
    const element = document.getElementById("$id");
    if (element) {
      const before = element.getBoundingClientRect().top;
      element.scrollIntoView({ block: "start" });
      stayed = Math.abs(element.getBoundingClientRect().top - before) < 2 ? stayed + 1 : 0;
    }
    if (stayed < 45) requestAnimationFrame(step);
  };
  setTimeout(step, 150);
})()"""
)
# Words on either side that find a long quote in its page; a browser that does not find them opens the section.
_FRAGMENT_WORDS: Final = 5


def escape_label(text: str) -> str:
    """``text`` as Streamlit Markdown, for a label, that shows just these characters on one line."""
    line = " ".join(_CONTROL.sub(" ", text).split())
    joined = _INTERPRETED_LATER.sub(lambda match: match[0] + _WORD_JOINER, line)
    return _MARKDOWN_PUNCTUATION.sub(r"\\\1", joined)


def text_html(text: str) -> str:
    """``text`` as HTML that shows just these characters, with its line breaks."""
    return f'<div class="faro-text">{escape(_CONTROL.sub(" ", text))}</div>'


def header_html(title: str | None) -> str:
    """The line at the top of the page: the product, and the ``title`` of the handbook it answers from."""
    about = f" <span{_lang(HANDBOOK_LANGUAGE)}>· {escape(title)}</span>" if title else ""
    return f'<p class="faro-brand">Faro{about}</p>'


def hero_html(texts: Texts) -> str:
    """What this is, for the first view."""
    return f'<div class="faro-hero" id="{HERO_ID}"><h1>{escape(texts.heading)}</h1><p>{escape(texts.intro)}</p></div>'


def searching_html(texts: Texts) -> str:
    """That the question is being worked on, which a screen reader speaks; or that this was stopped."""
    return f'<p class="faro-state faro-writing" role="status">{escape(texts.searching)}</p>{_stopped_html(texts)}'


def notice_html(text: str, language: Language) -> str:
    """A word on the way an answer was made."""
    return f'<p class="faro-state"{_lang(language)}>{escape(text)}</p>'


def page_language_html(language: Language) -> str:
    """A script that tells the browser the page's language, which Streamlit fixes to English (WCAG 2.2, 3.1.1)."""
    return f'<script>document.documentElement.lang = "{language}"</script>'


def scroll_html(element_id: str, when: str) -> str:
    """A script that brings an element to the top of the view, once for each ``when``.

    Streamlit follows the end of the page, if anything: a person wants to read an answer from its beginning.
    """
    return f"<script>{_SCROLL.substitute(id=element_id)} // {when}\n</script>"


def label_html(text: str) -> str:
    """A small heading above what belongs together, or a quiet remark."""
    return f'<p class="faro-label">{escape(text)}</p>'


def question_html(text: str, element_id: str) -> str:
    """What a person asked, as HTML that can be scrolled to."""
    return f'<div class="faro-question" id="{element_id}">{text_html(text)}</div>'


def answer_html(answer: AskResponse) -> str:
    """The answer as HTML: paragraphs, lists, and a mark for each ``[n]`` that has a citation.

    A generated answer may also have ``*emphasis*``; everything else shows as the characters it is made of.
    Where nothing was found, a list item that names a section consulted is a link to it.
    """
    titles = {citation.id: section_name(citation) for citation in answer.citations}
    links = {}
    if answer.status == "not_found":
        links = {section_name(near): address for near in answer.consulted if (address := public_address(near.url))}
    html = _answer_text_html(answer.answer, titles, links, emphasis=answer.mode == "generative")
    return f'<div class="faro-answer"{_lang(answer.language)}>{html}</div>'


def partial_answer_html(text: str, texts: Texts) -> str:
    """What has arrived of an answer, and that more is to come; or, once nothing runs any more, that it was stopped."""
    return (
        f'<div class="faro-answer">{_answer_text_html(text, None, {}, emphasis=False)}</div>'
        f'<p class="faro-label faro-writing">{escape(texts.answering)}</p>'
        f"{_stopped_html(texts)}"
    )


def section_name(citation: Citation) -> str:
    """``Page › Section`` on one line: the page title and the section's own heading, each once."""
    names = [" ".join(part.split()) for part in (citation.title, *citation.breadcrumb[-1:])]
    return SECTION_SEPARATOR.join(dict.fromkeys(name for name in names if name)) or citation.path


def citation_label(citation: Citation, texts: Texts) -> str:
    """The citation's one-line label, as Markdown: number, section, date of the page, whether it is unfinished."""
    label = f"**\\[{citation.id}\\]** {escape_label(section_name(citation))}"
    if citation.updated:
        day = texts.updated.format(date=format_date(citation.updated, texts))
        label += f" :gray[:small[· {escape_label(day)}]]"
    for badge in _badges(citation, texts):
        label += f" :orange-badge[{badge}]"
    return label


def citation_html(citation: Citation, texts: Texts) -> str:
    """The open citation: the passage with the quote highlighted, then where it stands and the link to the page."""
    passage = passage_html(citation, texts.image)
    return (
        f'<div class="faro-passage"{_lang(HANDBOOK_LANGUAGE)}>{passage}</div>'
        f'<p class="faro-place">{_place_html(citation, texts)}</p>'
    )


def consulted_html(consulted: Sequence[Citation], texts: Texts) -> str:
    """The sections that were read and not cited, as a list."""
    items = []
    for citation in consulted:
        name = f"<strong{_lang(HANDBOOK_LANGUAGE)}>{escape(section_name(citation))}</strong>"
        badges = "".join(f' <span class="faro-badge">{escape(badge)}</span>' for badge in _badges(citation, texts))
        items.append(f'<li>{name}{badges}<br><span class="faro-place">{_place_html(citation, texts)}</span></li>')
    return f'<ul class="faro-consulted">{"".join(items)}</ul>'


def public_address(url: str) -> str | None:
    """``url`` if it is an address on the web that a browser may open, else None."""
    if re.search(r"[\s\x00-\x1f\x7f\\]", url):
        return None
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    return url if parts.scheme.lower() in ("http", "https") and parts.hostname else None


def quote_address(citation: Citation) -> str | None:
    """The public address of the citation's section, with a text fragment that points at the quote; None without one.

    Text fragments: https://wicg.github.io/scroll-to-text-fragment/ (commas, dashes and ampersands are encoded).
    """
    address = public_address(citation.url)
    if address is None or ":~:" in address:
        return address
    lines = [line.split() for line in plain_text(citation.quote).splitlines()]
    if not lines:
        return address
    first, last = lines[0], lines[-1]
    if len(lines) == 1 and len(first) <= 2 * _FRAGMENT_WORDS:
        fragment = _fragment_part(first)
    else:
        fragment = f"{_fragment_part(first[:_FRAGMENT_WORDS])},{_fragment_part(last[-_FRAGMENT_WORDS:])}"
    return f"{address}{'' if '#' in address else '#'}:~:text={fragment}"


def _stopped_html(texts: Texts) -> str:
    return f'<p class="faro-label faro-stopped">{escape(texts.stopped)}</p>'


def _fragment_part(words: Sequence[str]) -> str:
    return quote(" ".join(words), safe="").replace("-", "%2D")


def _lang(language: Language | None) -> str:
    return f' lang="{language}"' if language else ""


def _badges(citation: Citation, texts: Texts) -> list[str]:
    return [word for word, shown in ((texts.draft, citation.draft), (texts.wip, citation.wip)) if shown]


def _place_html(citation: Citation, texts: Texts) -> str:
    lines = format_lines(citation.start_line, citation.end_line, texts)
    place = f"<code>{escape(citation.path)}</code> · {escape(lines)}"
    address = quote_address(citation)
    if address:
        return f"{place} · {_link_html(address, escape(texts.open_page), texts)}"
    return f"{place} · {escape(citation.url)}" if citation.url.startswith("/") else place


def _link_html(address: str, inner: str, texts: Texts | None = None) -> str:
    title = f' title="{escape(texts.opens_in_new_tab)}"' if texts else ""
    return f'<a href="{escape(address)}" target="_blank" rel="noopener noreferrer"{title}>{inner}</a>'


def _answer_text_html(text: str, titles: Mapping[int, str] | None, links: Mapping[str, str], *, emphasis: bool) -> str:
    parser = _answer_parser(emphasis=emphasis)
    tokens = parser.parse(_CONTROL.sub(" ", text))
    for before, token in zip([None, *tokens], tokens, strict=False):
        if token.type != "inline" or token.children is None:
            continue
        address = links.get(" ".join(token.content.split()))
        if address and before is not None and before.hidden:
            token.children = [_raw_html(_link_html(address, escape(token.content)))]
        else:
            token.children = [piece for child in token.children for piece in _with_markers(child, titles)]
    return str(parser.renderer.render(tokens, parser.options, {})).strip()


def _answer_parser(*, emphasis: bool) -> MarkdownIt:
    """A Markdown parser that knows paragraphs, lists and, for models that like them, ``*`` and ``**``."""
    parser = MarkdownIt("zero", {"breaks": True}).enable(["list", "newline"])
    if emphasis:
        parser.enable(["emphasis", "balance_pairs"])
        parser.inline.ruler.before("emphasis", "underscore", _underscore_is_text)
    return parser


def _underscore_is_text(state: StateInline, silent: bool) -> bool:
    if state.src[state.pos] != "_":
        return False
    if not silent:
        state.pending += "_"
    state.pos += 1
    return True


def _with_markers(token: Token, titles: Mapping[int, str] | None) -> list[Token]:
    """``token`` cut at its ``[n]`` markers; a number without a citation stays text, once they are known."""
    if token.type != "text":
        return [token]
    pieces, position = [], 0
    for match in _MARKER.finditer(token.content):
        title = "" if titles is None else titles.get(int(match[1]))
        if title is None:
            continue
        pieces.append(_raw_html(escape(token.content[position : match.start()].removesuffix(" ") + _WORD_JOINER)))
        pieces.append(_raw_html(f'<sup class="faro-ref" title="{escape(title)}">[{int(match[1])}]</sup>'))
        position = match.end()
    return [*pieces, _raw_html(escape(token.content[position:]))]


def _raw_html(html: str) -> Token:
    return Token("html_inline", "", 0, content=html)
