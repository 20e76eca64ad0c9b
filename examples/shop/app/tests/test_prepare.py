import functools
import hashlib
import http.server
import os
import subprocess
import sys
import tempfile
import threading
import unittest
import zipfile
from pathlib import Path
from unittest import mock

import prepare


class Index(http.server.SimpleHTTPRequestHandler):
    """A package index: a directory of pages and wheels."""

    def log_message(self, *arguments):
        if "whl" in self.path:
            self.server.fetched.append(self.path)


class PrepareTest(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        root = Path(directory.name)
        (root / "index" / "tiny").mkdir(parents=True)
        wheel = root / "index" / "tiny-1.0-py3-none-any.whl"
        with zipfile.ZipFile(wheel, "w") as archive:
            archive.writestr("tiny/__init__.py", "answer = 42\n")
        page = '<a href="../tiny-0.9-py3-none-any.whl">old</a><a href="../tiny-1.0-py3-none-any.whl#sha256=x">1.0</a>'
        (root / "index" / "tiny" / "index.html").write_text(page)

        # An app of its own, with a copy of prepare.py.
        self.app = root / "app"
        self.app.mkdir()
        (self.app / "prepare.py").write_bytes(Path(prepare.__file__).read_bytes())
        self.lock(hashlib.sha256(wheel.read_bytes()).hexdigest())

        self.index = http.server.ThreadingHTTPServer(
            ("127.0.0.1", 0), functools.partial(Index, directory=str(root / "index"))
        )
        self.index.fetched = []
        threading.Thread(target=self.index.serve_forever, args=(0.05,), daemon=True).start()
        self.addCleanup(self.index.server_close)
        self.addCleanup(self.index.shutdown)
        self.url = f"http://127.0.0.1:{self.index.server_port}"

    def lock(self, digest, version="1.0"):
        (self.app / "requirements.lock").write_text(f"# ours\ntiny=={version} --hash=sha256:{digest}\n")

    def start(self, url=None):
        environment = {"PATH": os.environ["PATH"], "PIP_INDEX_URL": url or self.url, "no_proxy": "127.0.0.1"}
        return subprocess.Popen(
            [sys.executable, "prepare.py"], cwd=self.app, env=environment, stderr=subprocess.PIPE, text=True,
            stdout=subprocess.DEVNULL,
        )

    def run_once(self, url=None):
        process = self.start(url)
        return process.communicate()[1], process.returncode

    def kept(self):
        deps = self.app / ".deps"
        return [path for path in deps.iterdir() if path.name != "lock"] if deps.exists() else []

    def test_fetches_once_even_when_two_start_at_the_same_time(self):
        for process in [self.start() for _ in range(3)]:
            self.assertEqual((process.communicate()[1], process.returncode), ("", 0))
        self.assertEqual(self.run_once(), ("", 0))
        self.assertEqual(len(self.index.fetched), 1)
        [directory] = self.kept()
        self.assertEqual((directory / "tiny" / "__init__.py").read_text(), "answer = 42\n")

    def test_what_a_killed_one_left_is_cleared_away(self):
        (self.app / ".deps" / "0123.part" / "half").mkdir(parents=True)
        self.assertEqual(self.run_once(), ("", 0))
        self.assertEqual([path.suffix for path in self.kept()], [""])

    def test_another_file_than_the_one_we_know_is_refused(self):
        self.lock("0" * 64)
        error, code = self.run_once()
        self.assertEqual(code, 1)
        self.assertIn("is not the tiny 1.0 we know", error)
        self.assertEqual(self.kept(), [])

    def test_a_version_that_the_mirror_lacks(self):
        self.lock("0" * 64, version="2.0")
        error, code = self.run_once()
        self.assertEqual(code, 1)
        self.assertIn("no pure-Python wheel of tiny 2.0", error)

    def test_no_network_says_what_to_do(self):
        with http.server.HTTPServer(("127.0.0.1", 0), Index) as nobody:
            port = nobody.server_port
        error, code = self.run_once(f"http://user:hidden@127.0.0.1:{port}")
        self.assertEqual(code, 1)
        self.assertIn("set PIP_INDEX_URL", error)
        self.assertNotIn("hidden", error)
        self.assertEqual(len(error.splitlines()), 1)

    def test_our_own_lock_file_is_well_formed(self):
        libraries = prepare.read_lock(prepare.LOCK.read_text())
        self.assertIn("pg8000", [name for name, _, _ in libraries])

    def test_a_broken_lock_file_is_named(self):
        with self.assertRaisesRegex(prepare.Failed, "tiny"):
            prepare.read_lock("tiny==1.0\n")

    def test_the_address_of_the_index_has_a_default(self):
        with mock.patch.dict(os.environ, {"PIP_INDEX_URL": ""}):
            self.assertEqual(prepare.index_url(), "https://pypi.org/simple")
