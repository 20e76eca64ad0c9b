#!/usr/bin/env python3
"""Puts a plan on a pull request (GitHub) or a merge request (GitLab): one comment, updated.

    comment.py FILE

The comment is the one that begins with the first line of FILE (a hidden marker that names app and
environment) and that was written by this very user: nobody else's comment is ever changed. Which
service it is follows from the variables that its runners set.

GitHub: GITHUB_TOKEN, GITHUB_API_URL, GITHUB_REPOSITORY, PLAT_PULL_REQUEST (the number) and,
        for a token that is not the workflow's own, PLAT_COMMENT_AUTHOR (its login).
GitLab: PLAT_GITLAB_TOKEN, CI_API_V4_URL, CI_PROJECT_ID, CI_MERGE_REQUEST_IID.

Needs nothing but Python 3.8. The token goes nowhere but into the header of these requests.
"""

import json
import os
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

# A comment on GitHub has at most 65,536 characters; GitLab takes more.
LONGEST = 65_535
TRIES = 4
PAGE = 100
# A request that has more comments than this has other problems.
MOST_PAGES = 100


class Failed(Exception):
    """What went wrong, in a sentence."""


def needed(name):
    value = os.environ.get(name, "")
    if not value:
        raise Failed(f"the variable {name} is not set")
    return value


class Api:
    """A REST API: JSON in and out, tried again where that can help."""

    def __init__(self, base, headers, pause=time.sleep):
        if urllib.parse.urlsplit(base).scheme not in ("https", "http"):
            raise Failed(f"{base} is no address of an API")
        self.base = base.rstrip("/")
        self.headers = headers
        self.pause = pause

    def call(self, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        for attempt in range(1, TRIES + 1):
            request = urllib.request.Request(self.base + path, data=data, method=method)
            for name, value in self.headers.items():
                request.add_header(name, value)
            if data is not None:
                request.add_header("Content-Type", "application/json")
            try:
                with urllib.request.urlopen(request, timeout=30) as answer:
                    return json.load(answer)
            except urllib.error.HTTPError as error:
                wait = patience(error, attempt)
                why = reason(error)
                if wait is None or attempt == TRIES:
                    raise Failed(f"{method} {path}: {error.code} {why}") from None
            except (urllib.error.URLError, TimeoutError, ConnectionError) as error:
                # A comment that may have been made is not made twice: it is looked for first.
                if method == "POST":
                    raise Failed(f"{method} {path}: no answer: {error}") from None
                if attempt == TRIES:
                    raise Failed(f"{method} {path}: {error}") from None
                wait = 2**attempt
            self.pause(wait)
        raise Failed(f"{method} {path}: gave up")

    def pages(self, path):
        for page in range(1, MOST_PAGES + 1):
            found = self.call("GET", f"{path}?per_page={PAGE}&page={page}")
            yield from found
            if len(found) < PAGE:
                return


def reason(error):
    try:
        answer = json.load(error)
        return str(answer.get("message") or answer.get("error") or "")
    except (ValueError, AttributeError):
        return error.reason


def patience(error, attempt):
    """How long to wait before it is tried again; None where that is of no use."""
    if error.code == 429 or (error.code == 403 and error.headers.get("Retry-After")):
        after = error.headers.get("Retry-After", "")
        return min(int(after), 60) if after.isdigit() else 2**attempt
    if error.code in (500, 502, 503, 504):
        return 2**attempt
    return None


def github(pause=time.sleep):
    token = needed("GITHUB_TOKEN")
    repository = needed("GITHUB_REPOSITORY")
    number = int(needed("PLAT_PULL_REQUEST"))
    author = os.environ.get("PLAT_COMMENT_AUTHOR") or "github-actions[bot]"
    api = Api(
        os.environ.get("GITHUB_API_URL") or "https://api.github.com",
        {
            "Authorization": f"Bearer {token}",
            "Accept": "application/vnd.github+json",
            "X-GitHub-Api-Version": "2022-11-28",
        },
        pause,
    )
    of = f"/repos/{urllib.parse.quote(repository)}/issues"

    def mine(comment):
        return (comment.get("user") or {}).get("login") == author

    return api, f"{of}/{number}/comments", "PATCH", lambda c: f"{of}/comments/{c['id']}", mine


def gitlab(pause=time.sleep):
    project = urllib.parse.quote(needed("CI_PROJECT_ID"), safe="")
    number = int(needed("CI_MERGE_REQUEST_IID"))
    api = Api(needed("CI_API_V4_URL"), {"PRIVATE-TOKEN": needed("PLAT_GITLAB_TOKEN")}, pause)
    me = api.call("GET", "/user").get("id")
    notes = f"/projects/{project}/merge_requests/{number}/notes"

    def mine(note):
        return not note.get("system") and (note.get("author") or {}).get("id") == me

    return api, notes, "PUT", lambda note: f"{notes}/{note['id']}", mine


def put(text, pause=time.sleep):
    """Makes or updates the comment; says which."""
    marker = text.split("\n", 1)[0]
    if not marker.startswith("<!-- plat:plan ") or not marker.endswith(" -->"):
        raise Failed("this is not what `platc plan --markdown` prints: its first line is no marker")
    if len(text) > LONGEST:
        raise Failed(f"it has {len(text)} characters, and a comment at most {LONGEST}")
    service = gitlab if os.environ.get("GITLAB_CI") else github
    api, path, change, place, mine = service(pause)
    for comment in api.pages(path):
        body = comment.get("body") or ""
        # The service may have changed the line ends.
        if mine(comment) and body.replace("\r\n", "\n").split("\n", 1)[0] == marker:
            if body.replace("\r\n", "\n").rstrip() == text.rstrip():
                return "unchanged"
            api.call(change, place(comment), {"body": text})
            return "updated"
    api.call("POST", path, {"body": text})
    return "made"


def main(arguments):
    if len(arguments) != 1:
        print("usage: comment.py FILE", file=sys.stderr)
        return 1
    try:
        with open(arguments[0], encoding="utf-8") as file:
            text = file.read()
        print(f"the comment was {put(text)}", file=sys.stderr)
    except (Failed, OSError, ValueError) as error:
        print(f"commenting on the request: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
