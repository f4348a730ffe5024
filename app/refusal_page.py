"""A refusal as a page, for a browser that was led to an address which it may not open."""

from html import escape

from app.gate_headers import Headers
from registry.errors import RegistryError

HEADERS: Headers = [
    (b"content-type", b"text/html; charset=utf-8"),
    (b"content-security-policy", b"default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'self'"),
    (b"cache-control", b"no-store"),
]
_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title} · NexusAI</title>
<style>
:root {{ color-scheme: light dark; --paper: #f6f7fb; --card: #fff; --ink: #171c2f; --faint: #5f6885; --line: #dfe3ee;
  --accent: #3a57e8; }}
@media (prefers-color-scheme: dark) {{ :root {{ --paper: #0d1222; --card: #161d33; --ink: #e4e8f5; --faint: #9aa6c6;
  --line: #29324e; --accent: #93a7ff; }} }}
body {{ margin: 0; min-height: 100vh; display: grid; place-items: center; background: var(--paper); color: var(--ink);
  font: 15px/1.55 system-ui, sans-serif; }}
main {{ max-width: 30rem; margin: 1rem; padding: 1.75rem 2rem; background: var(--card); border: 1px solid var(--line);
  border-radius: .6rem; overflow-wrap: anywhere; }}
h1 {{ margin: 0 0 .6rem; font-size: 1.25rem; }}
p {{ margin: 0 0 .6rem; }}
small {{ color: var(--faint); }}
a {{ color: var(--accent); }}
</style>
<main>
<h1>{title}</h1>
<p>{message}</p>
<p>{hint}</p>
<p><a href="/">Open NexusAI</a></p>
<small>Request {request_id}</small>
</main>
</html>
"""
_TITLES = {403: "This is not open to you", 404: "There is nothing here", 503: "Not available at the moment"}


def page(error: RegistryError, request_id: str) -> bytes:
    """The page's bytes; what the error says is text in it, whatever it holds."""
    message = error.message[:1].upper() + error.message[1:].rstrip(".") + "."
    filled = {"message": message, "hint": error.hint, "request_id": request_id}
    texts = {name: escape(text) for name, text in filled.items()}
    return _PAGE.format(title=_TITLES.get(error.status, "This did not work"), **texts).encode()
