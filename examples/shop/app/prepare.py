"""Fetches the libraries named in requirements.lock into .deps/, once.

The shop needs nothing on the machine but Python itself: no pip, no virtual environment. Each
library is a pure-Python wheel, which is a zip file that works once it is unpacked.

What is kept here is complete or absent: files are checked against the lock before they are
unpacked, unpacked beside their place, and moved there in one step. Two of these may run at once.
Honours PIP_INDEX_URL, PIP_CERT and the usual proxy variables.
"""

from __future__ import annotations

import hashlib
import os
import sys
from pathlib import Path

APP = Path(__file__).resolve().parent
LOCK = APP / "requirements.lock"
DEPS = APP / ".deps"


def target() -> Path:
    """Where the libraries of this very lock file are, once they are fetched."""
    return DEPS / hashlib.sha256(LOCK.read_bytes()).hexdigest()[:16]


def main() -> None:
    # The usual case ends here, before anything else is imported.
    if target().is_dir():
        return

    import fcntl

    try:
        DEPS.mkdir(exist_ok=True)
        with open(DEPS / "lock", "w", encoding="utf-8") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not target().is_dir():  # else another one fetched them while we waited
                fetch_all(target())
    except Failed as error:
        sys.exit(f"prepare.py: {error}")
    except OSError as error:
        sys.exit(f"prepare.py: cannot write {DEPS}: {error}")


class Failed(Exception):
    """What could not be done, and what to do about it."""


def fetch_all(into: Path) -> None:
    """Fetches, checks and unpacks every library; the caller holds the lock."""
    import compileall
    import io
    import shutil
    import zipfile
    from concurrent.futures import ThreadPoolExecutor

    for rubbish in DEPS.glob("*.part"):  # left by one that was killed
        shutil.rmtree(rubbish)
    part = into.with_suffix(".part")
    part.mkdir()
    try:
        with ThreadPoolExecutor(max_workers=4) as threads:
            for wheel in threads.map(fetch, read_lock(LOCK.read_text(encoding="utf-8"))):
                with zipfile.ZipFile(io.BytesIO(wheel)) as archive:
                    archive.extractall(part)
        # Compiled now, so that every start is a quick one.
        compileall.compile_dir(part, quiet=2)
        part.rename(into)
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise


def read_lock(text: str) -> list[tuple[str, str, str]]:
    """The libraries of a lock file: name, version, SHA-256 in hexadecimal."""
    libraries = []
    for line in text.splitlines():
        line = line.partition("#")[0].strip()
        if not line:
            continue
        requirement, _, digest = line.partition(" --hash=sha256:")
        name, _, version = requirement.partition("==")
        if not (name and version and len(digest) == 64):
            raise Failed(f"{LOCK} says {line!r}; expected NAME==VERSION --hash=sha256:DIGEST")
        libraries.append((name, version, digest))
    return libraries


def fetch(library: tuple[str, str, str]) -> bytes:
    """One wheel, as its bytes, which are those that the lock file names."""
    name, version, digest = library
    sys.stdout.write(f"fetching {name} {version}\n")
    page = f"{index_url()}/{name}/"
    for filename, url in links(page):
        if filename.endswith("-none-any.whl") and filename.split("-")[1:2] == [version]:
            wheel = download(url)
            found = hashlib.sha256(wheel).hexdigest()
            if found != digest:
                raise Failed(f"{without_credentials(url)[0]} is not the {name} {version} we know: SHA-256 {found}, expected {digest}")
            return wheel
    raise Failed(f"{without_credentials(page)[0]} has no pure-Python wheel of {name} {version}; is PIP_INDEX_URL a full mirror?")


def index_url() -> str:
    return (os.environ.get("PIP_INDEX_URL") or "https://pypi.org/simple").rstrip("/")


def links(page: str) -> list[tuple[str, str]]:
    """The files on a page of a package index (PEP 503): their names and where they are."""
    from html.parser import HTMLParser
    from urllib.parse import unquote, urldefrag, urljoin

    found = []

    class Anchors(HTMLParser):
        def handle_starttag(self, tag, attributes):
            href = dict(attributes).get("href") if tag == "a" else None
            if href:
                url = urldefrag(urljoin(page, href)).url
                found.append((unquote(url.rpartition("/")[2]), url))

    Anchors().feed(download(page).decode("utf-8", "replace"))
    return found


def download(url: str) -> bytes:
    import http.client
    import ssl
    import time
    import urllib.error
    import urllib.request

    address, credentials = without_credentials(url)
    request = urllib.request.Request(address)
    if credentials:
        import base64

        request.add_header("Authorization", "Basic " + base64.b64encode(credentials.encode()).decode())

    tls = ssl.create_default_context(cafile=os.environ.get("PIP_CERT") or None)
    for attempt in range(3):
        try:
            with urllib.request.urlopen(request, timeout=30, context=tls) as answer:
                return answer.read()
        except urllib.error.HTTPError as error:
            if error.code < 500:
                raise Failed(f"{address} answers {error.code} {error.reason}") from None
            problem = f"{error.code} {error.reason}"
        except (OSError, http.client.HTTPException) as error:
            problem = str(getattr(error, "reason", None) or error)
        time.sleep(attempt)
    raise Failed(
        f"cannot fetch {address}: {problem}. The shop's libraries are fetched once, "
        "from the network; behind a mirror, set PIP_INDEX_URL (and PIP_CERT), then try again"
    )


def without_credentials(url: str) -> tuple[str, str]:
    """An address fit to be shown, and the `user:password` that stood in it."""
    from urllib.parse import unquote

    scheme, _, rest = url.partition("://")
    host, slash, path = rest.partition("/")
    credentials, _, host = host.rpartition("@")
    return f"{scheme}://{host}{slash}{path}", unquote(credentials)


if __name__ == "__main__":
    main()
