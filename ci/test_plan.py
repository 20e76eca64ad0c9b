"""plan.sh with a platc that writes down how it was called."""

import json
import os
import pathlib
import stat
import subprocess
import tempfile
import unittest

HERE = pathlib.Path(__file__).resolve().parent

PLATC = """#!/usr/bin/env python3
import json, os, sys
here = os.path.dirname(os.path.abspath(__file__))
with open(os.path.join(here, "calls"), "a") as calls:
    key = os.environ.get("PLAT_SIGN_KEY")
    calls.write(json.dumps({"arguments": sys.argv[1:], "key": key}) + "\\n")
if "-o" in sys.argv and os.environ["CODE"] != "1":
    open(sys.argv[sys.argv.index("-o") + 1], "w").write("a plan")
print("<!-- plat:plan shop prod -->")
sys.exit(0 if "show" in sys.argv else int(os.environ["CODE"]))
"""


class Case(unittest.TestCase):
    def setUp(self):
        dir = tempfile.TemporaryDirectory()
        self.addCleanup(dir.cleanup)
        self.dir = pathlib.Path(dir.name)
        platc = self.dir / "platc"
        platc.write_text(PLATC)
        platc.chmod(platc.stat().st_mode | stat.S_IXUSR)
        self.out = self.dir / "out"

    def run_plan(self, code=0, **more):
        (self.dir / "calls").write_text("")
        variables = {
            "PATH": f"{self.dir}:{os.environ['PATH']}",
            "CODE": str(code),
            "PLAT_ENVIRONMENT": "prod",
            "PLAT_OUT": str(self.out),
            "PLAT_SIGN_KEY": "k3y",
            **more,
        }
        ran = subprocess.run(
            ["bash", str(HERE / "plan.sh")], env=variables, capture_output=True, text=True, check=False
        )
        lines = (self.dir / "calls").read_text().splitlines()
        return ran, [json.loads(line) for line in lines]

    def left(self, name):
        file = self.out / name
        return file.read_text() if file.exists() else None

    def test_the_trusted_are_planned_for_and_the_plan_is_kept(self):
        ran, calls = self.run_plan(2, PLAT_TRUSTED="true", PLAT_RUN_LINK="https://ci.example.com")
        self.assertEqual(ran.returncode, 0, ran.stderr)
        self.assertEqual(calls[0]["arguments"][2:4], ["plan", "prod"])
        self.assertIn("--link", calls[0]["arguments"])
        self.assertEqual(calls[0]["key"], "k3y")
        self.assertEqual(self.left("changes"), "true\n")
        self.assertEqual(self.left("plan.plan"), "a plan")
        self.assertTrue(self.left("plan.md").startswith("<!-- plat:plan"))
        self.assertIsNotNone(self.left("plan.sarif"))
        ran, _ = self.run_plan(0, PLAT_TRUSTED="true")
        self.assertEqual((ran.returncode, self.left("changes")), (0, "false\n"))

    def test_a_fork_is_compared_and_given_no_key_and_no_plan(self):
        for trusted in ("false", "", "TRUE"):
            self.run_plan(2, PLAT_TRUSTED="true")
            ran, calls = self.run_plan(2, PLAT_TRUSTED=trusted, PLAT_BASE="abc123")
            self.assertEqual(ran.returncode, 0, ran.stderr)
            self.assertEqual(len(calls), 1)
            self.assertEqual(calls[0]["arguments"][2:5], ["diff", "abc123..", "prod"])
            self.assertIsNone(calls[0]["key"])
            self.assertIsNone(self.left("plan.plan"), "that of an earlier run")
            self.assertEqual(self.left("changes"), "true\n")

    def test_a_plan_that_fails_fails_the_job_and_leaves_nothing_to_apply(self):
        ran, _ = self.run_plan(1, PLAT_TRUSTED="true")
        self.assertEqual(ran.returncode, 1)
        self.assertEqual((self.left("plan.plan"), self.left("changes")), (None, None))
        ran, calls = self.run_plan(0, PLAT_TRUSTED="false")
        self.assertEqual((ran.returncode, calls), (1, []))
        self.assertIn("PLAT_BASE", ran.stderr)


if __name__ == "__main__":
    unittest.main()
