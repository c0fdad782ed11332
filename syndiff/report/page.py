"""One self-contained HTML file: no script, no network, readable offline and printable."""

from __future__ import annotations

import base64
import html
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

STYLE = """
:root { --ink:#1b1f24; --soft:#5b6570; --line:#d9dee4; --paper:#fff; --tint:#f5f7f9; --accent:#0b62a4; }
@media (prefers-color-scheme: dark) {
  :root { --ink:#e7ebef; --soft:#9aa5b1; --line:#333b44; --paper:#15191e; --tint:#1d232a; --accent:#6ab7ef; }
}
* { box-sizing:border-box; }
body { margin:0 auto; padding:2.2rem 1.4rem 4rem; max-width:1180px; background:var(--paper); color:var(--ink);
  font:15px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif; }
h1 { font-size:1.75rem; margin:0 0 .2rem; letter-spacing:-.01em; }
h2 { font-size:1.2rem; margin:2.4rem 0 .5rem; padding-top:.6rem; border-top:1px solid var(--line); }
p { margin:.4rem 0 .8rem; max-width:80ch; }
.lead { color:var(--soft); }
.notice { background:var(--tint); border-left:4px solid var(--accent); padding:.7rem 1rem; margin:1rem 0; }
table { border-collapse:collapse; margin:.6rem 0 1rem; font-variant-numeric:tabular-nums; }
th,td { padding:.32rem .8rem; text-align:right; border-bottom:1px solid var(--line); }
th { font-weight:600; color:var(--soft); } th:first-child,td:first-child,.words th,.words td { text-align:left; }
figure { margin:.8rem 0 1.2rem; } figure img { max-width:100%; height:auto; display:block; border-radius:4px; }
figcaption { color:var(--soft); font-size:.88rem; margin-top:.35rem; max-width:90ch; }
.charts { display:flex; flex-wrap:wrap; gap:1.2rem; }
pre { background:var(--tint); padding: .8rem 1rem; overflow:auto; font-size:.82rem; border-radius:4px; }
details summary { cursor:pointer; color:var(--accent); }
"""


def data_uri(rgb: np.ndarray, *, jpeg_quality: int = 88) -> str:
    """Encode a picture so that it lives inside the page.

    Args:
        rgb: (H, W, 3) uint8 RGB.
        jpeg_quality: 1-100.

    Returns:
        A `data:image/jpeg;base64,...` address.
    """
    ok, encoded = cv2.imencode(".jpg", rgb[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, jpeg_quality])
    if not ok:
        raise ValueError(f"cannot encode a picture of shape {rgb.shape} {rgb.dtype}")
    return "data:image/jpeg;base64," + base64.b64encode(encoded.tobytes()).decode("ascii")


class Page:
    """Collects sections top to bottom; `write` makes the file."""

    def __init__(self, title: str, lead: str) -> None:
        self.title = title
        self._body = [f"<h1>{html.escape(title)}</h1>", f'<p class="lead">{html.escape(lead)}</p>']

    def heading(self, text: str) -> None:
        self._body.append(f"<h2>{html.escape(text)}</h2>")

    def paragraph(self, text: str) -> None:
        self._body.append(f"<p>{html.escape(text)}</p>")

    def notice(self, text: str) -> None:
        """A remark that no reader may miss."""
        self._body.append(f'<p class="notice">{html.escape(text)}</p>')

    def table(self, header: Sequence[str], rows: Sequence[Sequence[object]], *, words: bool = False) -> None:
        """A table; numbers are right aligned, the first column and tables of words are left aligned."""
        head = "".join(f"<th>{html.escape(str(cell))}</th>" for cell in header)
        body = "".join(
            "<tr>" + "".join(f"<td>{html.escape(_cell(cell))}</td>" for cell in row) + "</tr>" for row in rows
        )
        kind = ' class="words"' if words else ""
        self._body.append(f"<table{kind}><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>")

    def picture(self, rgb: np.ndarray, caption: str) -> None:
        """A picture with a caption; (H, W, 3) uint8 RGB."""
        self._body.append(
            f'<figure><img alt="{html.escape(caption)}" src="{data_uri(rgb)}">'
            f"<figcaption>{html.escape(caption)}</figcaption></figure>"
        )

    def jpeg(self, packed: bytes, caption: str) -> None:
        """A picture that is packed already, with a caption."""
        text = html.escape(caption)
        address = "data:image/jpeg;base64," + base64.b64encode(packed).decode("ascii")
        self._body.append(f'<figure><img alt="{text}" src="{address}"><figcaption>{text}</figcaption></figure>')

    def charts(self, svgs: Sequence[str]) -> None:
        """SVG charts side by side (see `syndiff.report.charts`)."""
        self._body.append('<div class="charts">' + "".join(svgs) + "</div>")

    def details(self, summary: str, text: str) -> None:
        """Long text, folded."""
        self._body.append(
            f"<details><summary>{html.escape(summary)}</summary><pre>{html.escape(text)}</pre></details>"
        )

    def write(self, path: Path) -> None:
        """Write the page; the old file, if any, is replaced in one step."""
        document = (
            '<!doctype html><html lang="en"><head><meta charset="utf-8">'
            '<meta name="viewport" content="width=device-width, initial-scale=1">'
            f"<title>{html.escape(self.title)}</title><style>{STYLE}</style></head><body>"
            + "\n".join(self._body)
            + "</body></html>\n"
        )
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_suffix(path.suffix + ".tmp")
        temporary.write_text(document, encoding="utf-8")
        temporary.replace(path)


def _cell(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.3g}" if abs(value) < 1 else f"{value:.1f}"
    return str(value)
