#!/usr/bin/env python3
"""Models of a cluster and their places. place_test.py PROGRAM"""
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

PROGRAM = sys.argv[1]
ROOT = pathlib.Path(__file__).resolve().parents[2]
BOSUN = ROOT / "models/demo/bosun-log.gguf"
EXAMPLE = ROOT / "examples/cluster/cluster.toml"
MIB = 2**20


def in_whole_mebibytes(size):
    return -(-size // MIB) * MIB


class Place(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = pathlib.Path(folder.name)
        self.environment = {**os.environ, "XDG_CACHE_HOME": str(self.path / "cache"), "GGML_NO_BACKTRACE": "1"}

    def run_it(self, *arguments, status=0):
        done = subprocess.run([PROGRAM, *map(str, arguments)], env=self.environment, capture_output=True, text=True, timeout=900)
        self.assertEqual(done.returncode, status, done.stderr + done.stdout)
        return done

    def place(self, cluster, *arguments, status=0):
        return json.loads(self.run_it("place", cluster, "--json", *arguments, status=status).stdout)

    def write(self, text):
        file = self.path / "cluster.toml"
        file.write_text(text)
        return file

    def test_the_bytes_are_those_of_the_plan(self):
        placement = self.place(EXAMPLE)
        self.assertEqual(placement["schema"], "plimsoll.placement/1")
        plan = json.loads(self.run_it("plan", "-m", BOSUN, "-dev", "none", "-c", "16384", "-np", "2", "--json").stdout)
        wanted = next(d["required"] for d in plan["devices"] if d["device"] == "CPU")
        logs = [p for p in placement["placed"] if p["model"] == "log"]
        self.assertEqual([p["host_bytes"] for p in logs], [wanted, wanted])
        self.assertEqual(len({p["node"] for p in logs}), 2)
        self.assertEqual({p["node"] for p in placement["placed"] if p["model"] == "mate"}, {"rack2"})

    def test_a_node_serves_what_is_placed_on_it(self):
        self.place(EXAMPLE, "--write", self.path / "fleets")
        written = sorted((self.path / "fleets").iterdir())
        self.assertIn("rack2.toml", [f.name for f in written])
        for file in written:
            plan = json.loads(self.run_it("plan", file, "--json").stdout)
            self.assertEqual(plan["never"] if "never" in plan else [], [], file)

    def test_a_lost_node_is_served_by_the_others_and_nothing_else_moves(self):
        nodes = "".join(f'[[node]]\nname = "n{i}"\nhost = "60MiB"\n' for i in range(3))
        model = "".join(f'[[model]]\nname = "m{i}"\npath = "{BOSUN}"\nctx-size = 2048\nkinds = ["host"]\nprefer = ["n{i}"]\n' for i in range(3))
        before = self.path / "before.json"
        first = self.place(self.write(nodes + model))
        before.write_text(json.dumps(first))
        self.assertEqual([p["node"] for p in first["placed"]], ["n0", "n1", "n2"])
        lost = self.place(self.write(nodes.replace('"n1"\n', '"n1"\ndown = true\n') + model), "--before", before)
        self.assertEqual(lost["missing"], [])
        self.assertEqual(lost["moved_bytes"], lost["had_to_move_bytes"])
        self.assertEqual([p["new"] for p in lost["placed"]], [False, True, False])
        self.assertNotEqual(lost["placed"][1]["node"], "n1")

    def test_what_has_no_place_says_what_would(self):
        cluster = self.write(f'[[node]]\nname = "n"\nhost = "40MiB"\n[[model]]\nname = "m"\npath = "{BOSUN}"\nctx-size = 65536\nkinds = ["host"]\n')
        done = self.run_it("place", cluster, status=3)
        self.assertIn("Without a place", done.stdout)
        self.assertRegex(done.stdout, r"with -\w+ .* it fits on n")
        self.assertRegex(done.stdout, r"less would fit on n")

    def test_what_runs_it_is_written_beside_it(self):
        good = f'[serve]\nbeside = "8MiB"\n[[node]]\nname = "n"\nhost = "1GiB"\ncpus = 2\n[[model]]\npath = "{BOSUN}"\nname = "log"\nctx-size = 512\nkinds = ["host"]\n'
        out = self.path / "out"
        alone = self.place(self.write(good), "--render", "haproxy", "--write", out)
        self.assertEqual(sorted(str(f.relative_to(out)) for f in out.rglob("*.*")), ["haproxy/broken-streams.lua", "haproxy/haproxy.cfg", "haproxy/models.json", "haproxy/names-lower.map", "haproxy/names.map", "n.toml"])
        self.assertIn("server n n:8080 check", (out / "haproxy/haproxy.cfg").read_text())
        (out / "slurm").mkdir()
        for old in ("gone.sbatch", "log-0.log"):
            (out / "slurm" / old).write_text("")
        jobs = self.place(self.write(good), "--render", "slurm,haproxy", "--write", out)
        self.assertEqual(jobs["placed"][0]["host_bytes"], in_whole_mebibytes(alone["placed"][0]["host_bytes"] + 8 * MIB))
        self.assertEqual(sorted(f.name for f in (out / "slurm").iterdir()), ["gres.conf", "log-0.log", "log.sbatch", "nodes.conf", "submit.sh"])
        self.assertTrue(os.access(out / "slurm/submit.sh", os.X_OK))
        job = (out / "slurm/log.sbatch").read_text()
        self.assertIn(f"#SBATCH --mem={-(-jobs['placed'][0]['host_bytes'] // 2**20)}M\n", job)
        port = job.split("0) port=")[1].split(" ")[0]
        self.assertIn(f"server n-0 n:{port} check", (out / "haproxy/haproxy.cfg").read_text())

    def test_what_slurm_counts_in_mebibytes_has_room_where_it_is_placed(self):
        def written(host, *names):
            models = "".join(f'[[model]]\npath = "{BOSUN}"\nname = "{name}"\nctx-size = 512\nkinds = ["host"]\n' for name in names)
            return self.write(f'[serve]\nbeside = "8MiB"\n[[node]]\nname = "n"\nhost = "{host}"\ncpus = 2\n{models}')

        out = self.path / "out"
        each = self.place(written("1GiB", "a"))["placed"][0]["host_bytes"] + 8 * MIB
        both_fit = 2 * in_whole_mebibytes(each) <= 2 * each
        self.place(written(2 * each, "a", "b"), "--render", "slurm", "--write", out, status=0 if both_fit else 3)
        room = int(re.search(r"RealMemory=(\d+)", (out / "slurm/nodes.conf").read_text())[1])
        asked = [int(re.search(r"--mem=(\d+)M", job.read_text())[1]) for job in (out / "slurm").glob("*.sbatch")]
        self.assertLessEqual(sum(asked), room)
        self.assertGreater(len(asked), 0)

    def test_what_cannot_be_rendered_is_a_sentence(self):
        good = f'[[node]]\nname = "n"\nhost = "1GiB"\n[[model]]\npath = "{BOSUN}"\nctx-size = 512\nkinds = ["host"]\n'
        out = self.path / "out"
        for arguments, words in ((["--render", "slurm"], "--write"), (["--render", "nomad", "--write", out], "nomad"),
                                 (["--render", "slurm,kubernetes", "--write", out], "choose one"),
                                 (["--render", "haproxy,slurm", "--write", out], "node 'n' has no 'cpus'"),
                                 (["--render", "kubernetes", "--write", out], "no 'image'")):
            self.assertIn(words, self.run_it("place", self.write(good), *arguments, status=2).stderr)
        self.assertFalse(out.exists())  # nothing, where one of them cannot be
        small = good.replace("1GiB", "2MiB")
        self.assertIn("no model has a place", self.run_it("place", self.write(small), "--render", "haproxy", "--write", out, status=3).stderr)
        (self.path / "file").write_text("")
        self.assertIn("file", self.run_it("place", self.write(good), "--render", "haproxy", "--write", self.path / "file", status=1).stderr)

    def test_bad_input_is_a_sentence(self):
        good = f'[[node]]\nname = "n"\nhost = "1GiB"\n[[model]]\npath = "{BOSUN}"\nctx-size = 512\nkinds = ["host"]\n'
        self.assertIn("cannot be read", self.run_it("place", self.path / "none.toml", status=1).stderr)
        self.assertIn("cluster.toml:3:8: 'host'", self.run_it("place", self.write(good.replace('"1GiB"', '"much"')), status=2).stderr)
        done = self.run_it("place", self.write(good + '[[kind]]\nname = "h100"\nplan-on = "CUDA7"\n'), status=2)
        self.assertIn("'CUDA7', which this machine does not have", done.stderr)
        self.assertIn("cannot be used", self.run_it("place", self.write(good.replace(str(BOSUN), "/none.gguf")), status=4).stderr)
        other = self.path / "before.json"
        for text in ("{}", "nonsense", '{"schema": "plimsoll.plan/1"}', '{"schema": "plimsoll.placement/1", "placed": [{}]}'):
            other.write_text(text)
            self.assertIn("--before", self.run_it("place", self.write(good), "--before", other, status=2).stderr)


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0]] + sys.argv[2:])
