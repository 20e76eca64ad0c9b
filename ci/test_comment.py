"""comment.py against a fake API that checks what it is asked."""

import json
import os
import threading
import unittest
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from unittest import mock

import comment

MARKER = "<!-- plat:plan shop prod -->"
PLAN = MARKER + "\n### shop → prod\n"


class Fake(BaseHTTPRequestHandler):
    """GitHub's and GitLab's comments, in memory."""

    def log_message(self, *_):
        pass

    def answer(self, code, body, headers=()):
        data = json.dumps(body).encode()
        self.send_response(code)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def handle_one(self):
        world = self.server.world
        length = int(self.headers.get("Content-Length") or 0)
        body = json.loads(self.rfile.read(length)) if length else None
        path, _, query = self.path.partition("?")
        world["asked"].append((self.command, self.path, body))
        if not world["allowed"](self.headers):
            return self.answer(401, {"message": "Bad credentials"})
        if world["faults"]:
            code, headers = world["faults"].pop(0)
            return self.answer(code, {"message": "not now"}, headers)
        if path == "/user":
            return self.answer(200, {"id": 7})
        if self.command == "GET" and path == world["list"]:
            words = dict(word.split("=") for word in query.split("&"))
            size, page = int(words["per_page"]), int(words["page"])
            return self.answer(200, world["comments"][size * (page - 1) : size * page])
        if self.command == "POST" and path == world["list"]:
            world["comments"].append({"id": 99, "body": body["body"], **world["me"]})
            return self.answer(201, {"id": 99})
        for one in world["comments"]:
            if (self.command, path) == (world["change"], f"{world['one']}/{one['id']}"):
                one["body"] = body["body"]
                return self.answer(200, one)
        return self.answer(404, {"message": "Not Found"})

    do_GET = do_POST = do_PATCH = do_PUT = handle_one


class Case(unittest.TestCase):
    def setUp(self):
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Fake)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.addCleanup(self.server.server_close)
        self.addCleanup(self.server.shutdown)
        self.waited = []

    def world(self, **more):
        self.server.world = {"asked": [], "faults": [], "comments": [], **more}
        return self.server.world

    def github(self):
        base = f"http://127.0.0.1:{self.server.server_port}"
        self.variables = {
            "GITHUB_TOKEN": "t0ken",
            "GITHUB_API_URL": base,
            "GITHUB_REPOSITORY": "acme/shop",
            "PLAT_PULL_REQUEST": "12",
        }
        return self.world(
            list="/repos/acme/shop/issues/12/comments",
            one="/repos/acme/shop/issues/comments",
            change="PATCH",
            me={"user": {"login": "github-actions[bot]"}},
            allowed=lambda h: h["Authorization"] == "Bearer t0ken"
            and h["Accept"] == "application/vnd.github+json"
            and h["X-GitHub-Api-Version"] == "2022-11-28",
        )

    def gitlab(self):
        self.variables = {
            "GITLAB_CI": "true",
            "PLAT_GITLAB_TOKEN": "t0ken",
            "CI_API_V4_URL": f"http://127.0.0.1:{self.server.server_port}",
            "CI_PROJECT_ID": "5",
            "CI_MERGE_REQUEST_IID": "12",
        }
        notes = "/projects/5/merge_requests/12/notes"
        return self.world(
            list=notes,
            one=notes,
            change="PUT",
            me={"author": {"id": 7}, "system": False},
            allowed=lambda h: h["PRIVATE-TOKEN"] == "t0ken",
        )

    def put(self, text=PLAN):
        with mock.patch.dict(os.environ, self.variables, clear=True):
            return comment.put(text, self.waited.append)

    def writes(self, world):
        return [one for one in world["asked"] if one[0] != "GET"]

    def test_the_first_plan_makes_a_comment_and_the_next_updates_it(self):
        for world in (self.github, self.gitlab):
            world = world()
            self.assertEqual(self.put(), "made")
            self.assertEqual(self.writes(world), [("POST", world["list"], {"body": PLAN})])
            self.assertEqual(self.put(PLAN + "more\n"), "updated")
            self.assertEqual(self.put(PLAN + "more\n"), "unchanged")
            self.assertEqual(len(world["comments"]), 1)
            self.assertEqual(world["comments"][0]["body"], PLAN + "more\n")

    def test_nobody_elses_comment_is_touched(self):
        world = self.github()
        world["comments"] = [
            {"id": 1, "body": PLAN, "user": {"login": "mallory"}},
            {"id": 2, "body": "quoting " + PLAN, **world["me"]},
            {"id": 3, "body": PLAN.replace("prod", "dev"), **world["me"]},
            {"id": 4, "body": None, "user": None},
        ]
        before = json.dumps(world["comments"])
        self.assertEqual(self.put(), "made")
        self.assertEqual(json.dumps(world["comments"][:4]), before)

    def test_a_comment_far_back_is_found(self):
        world = self.github()
        others = [{"id": n, "body": "hello", "user": {"login": "anna"}} for n in range(250)]
        world["comments"] = [*others, {"id": 900, "body": PLAN.replace("\n", "\r\n"), **world["me"]}]
        self.assertEqual(self.put(PLAN + "new\n"), "updated")
        self.assertEqual(len([one for one in world["asked"] if one[0] == "GET"]), 3)
        self.assertEqual(world["comments"][-1]["body"], PLAN + "new\n")

    def test_what_may_pass_is_tried_again_and_what_may_not_is_told(self):
        world = self.github()
        world["faults"] = [(502, ()), (429, [("Retry-After", "7")]), (403, [("Retry-After", "3")])]
        self.assertEqual(self.put(), "made")
        self.assertEqual(self.waited, [2, 7, 3])
        world["faults"] = [(403, ())]
        with self.assertRaisesRegex(comment.Failed, r"GET .*: 403 not now"):
            self.put()
        world["faults"] = [(500, ())] * 9
        with self.assertRaisesRegex(comment.Failed, "500"):
            self.put()

    def test_a_wrong_token_is_told_without_the_token(self):
        self.github()
        self.variables["GITHUB_TOKEN"] = "wr0ng"
        with self.assertRaises(comment.Failed) as raised:
            self.put()
        self.assertIn("401 Bad credentials", str(raised.exception))
        self.assertNotIn("wr0ng", str(raised.exception))

    def test_what_is_no_plan_or_too_long_is_refused_before_anything_is_asked(self):
        world = self.github()
        for text in ("hello", MARKER + "\n" + "x" * 65_536):
            with self.assertRaises(comment.Failed):
                self.put(text)
        del self.variables["GITHUB_TOKEN"]
        with self.assertRaisesRegex(comment.Failed, "GITHUB_TOKEN is not set"):
            self.put()
        self.assertEqual(world["asked"], [])


if __name__ == "__main__":
    unittest.main()
