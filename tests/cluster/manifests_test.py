#!/usr/bin/env python3
"""What `plimsoll place` renders, as the programs that it is for take it: haproxy -c, bash -n, kubectl --dry-run=client and the types
of Kubernetes' own client. manifests_test.py PROGRAM; packages: scripts/packages/cluster.txt"""
import http.server
import json
import pathlib
import re
import subprocess
import sys
import tempfile
import threading
import unittest

import kubernetes
import yaml

PROGRAM = str(pathlib.Path(sys.argv[1]).resolve())
ROOT = pathlib.Path(__file__).resolve().parents[2]
KINDS = {"v1": {"ConfigMap": "configmaps", "Service": "services"}, "apps/v1": {"Deployment": "deployments"}}
CLASSES = {"ConfigMap": "V1ConfigMap", "Service": "V1Service", "Deployment": "V1Deployment"}
CLUSTER = f"""
[serve]
image = "registry.example/plimsoll:1"
options = ["--api-key-file", "/etc/plimsoll/it's \\"the\\" keys"]
[[node]]
name = "rack1"
host = "1GiB"
cpus = 4
[[node]]
name = "rack2"
address = "fd00::2"
host = "1GiB"
cpus = 4
[[model]]
name = 'Org/Chat, $(reboot) "q4"; é'
path = "{ROOT}/models/demo/mate-chat.gguf"
aliases = ["chat", "two words", "# no comment"]
ctx-size = 2048
replicas = 2
kinds = ["host"]
[[model]]
name = "log"
path = "{ROOT}/models/demo/bosun-log.gguf"
ctx-size = 2048
kinds = ["host"]
avoid = ["rack2"]
"""


class Discovery(http.server.BaseHTTPRequestHandler):
    """What kubectl asks a cluster before it looks at a file: which kinds of objects there are."""

    def do_GET(self):
        def kinds(version):
            return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": version,
                    "resources": [{"name": name, "singularName": kind.lower(), "namespaced": True, "kind": kind, "verbs": ["create", "get"]}
                                  for kind, name in KINDS[version].items()]}
        version = {"groupVersion": "apps/v1", "version": "v1"}
        answer = {"/api": {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []},
                  "/apis": {"kind": "APIGroupList", "apiVersion": "v1", "groups": [{"name": "apps", "versions": [version], "preferredVersion": version}]},
                  "/api/v1": kinds("v1"), "/apis/apps/v1": kinds("apps/v1")}.get(self.path.split("?")[0])
        body = json.dumps(answer).encode()
        self.send_response(200 if answer else 404)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        pass


def held_against(kind, value, place):
    """Every field is one that the type has, with a value of its type; what must be there is."""
    if value is None:
        return
    if match := re.fullmatch(r"list\[(.*)\]", kind):
        assert isinstance(value, list), place
        for number, element in enumerate(value):
            held_against(match.group(1), element, f"{place}[{number}]")
    elif match := re.fullmatch(r"dict\(\w+, (.*)\)", kind):
        assert isinstance(value, dict), place
        for key, element in value.items():
            held_against(match.group(1), element, f"{place}.{key}")
    elif kind in ("str", "int", "bool", "float"):
        assert type(value).__name__ == kind, f"{place} is {value!r}, and must be {kind}"
    elif kind != "object":
        model = getattr(kubernetes.client, kind)
        names = {json_name: name for name, json_name in model.attribute_map.items()}
        for key, element in value.items():
            assert key in names, f"{place} has no {key}"
            held_against(model.openapi_types[names[key]], element, f"{place}.{key}")
        model(**{names[key]: element for key, element in value.items()})  # it refuses where something is missing


class Rendered(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.folder = pathlib.Path(temporary.name)
        (self.folder / "cluster.toml").write_text(CLUSTER)

    def run_it(self, *command, status=0):
        done = subprocess.run([str(c) for c in command], capture_output=True, text=True, timeout=300, env={"HOME": str(self.folder), "PATH": "/usr/bin:/usr/sbin:/bin"})
        self.assertEqual(done.returncode, status, f"{command}\n{done.stdout}{done.stderr}")
        return done.stdout + done.stderr

    def render(self, *names):
        self.run_it(PROGRAM, "place", self.folder / "cluster.toml", "--render", ",".join(names), "--write", self.folder)

    def test_haproxy_takes_each_of_its_configurations(self):
        for names in (["haproxy"], ["slurm", "haproxy"], ["kubernetes", "haproxy"]):
            self.render(*names)
            said = self.run_it("haproxy", "-c", "-f", self.folder / "haproxy/haproxy.cfg")
            # The name of a node that nobody knows keeps the front from nothing: its servers are down.
            self.assertEqual([line for line in said.split("\n") if "WARNING" in line and "rack1" not in line], [], said)
        self.assertEqual(json.loads((self.folder / "haproxy/models.json").read_text())["data"][0]["id"], 'Org/Chat, $(reboot) "q4"; é')

    def test_bash_takes_the_scripts(self):
        self.render("slurm")
        scripts = [*(self.folder / "slurm").glob("*.sbatch"), self.folder / "slurm/submit.sh"]
        self.assertEqual(len(scripts), 3)
        for script in scripts:
            self.assertEqual(self.run_it("bash", "-n", script), "")
        # What the job runs, with a server that only says what it was asked for.
        (self.folder / "plimsoll").write_text('#!/bin/bash\nprintf "%s\\n" "$@"; cat "$2"\n')
        (self.folder / "plimsoll").chmod(0o755)
        job = next(p for p in scripts if "chat" in p.name).read_text()
        said = subprocess.run(["bash", "-c", job], capture_output=True, text=True, timeout=60,
                              env={"PATH": f"{self.folder}:/usr/bin:/bin", "SLURM_ARRAY_TASK_ID": "1"})
        self.assertEqual((said.returncode, said.stderr), (0, ""))
        lines = said.stdout.split("\n")
        self.assertEqual(lines[0], "serve")
        self.assertEqual(lines[2:5] + lines[6:8], ["--host", "0.0.0.0", "--port", "--api-key-file", "/etc/plimsoll/it's \"the\" keys"])
        self.assertIn("$(reboot)", said.stdout)
        self.assertFalse(pathlib.Path(lines[1]).exists())  # nothing is left behind

    def test_kubernetes_takes_the_manifests(self):
        self.render("kubernetes")
        manifests = self.folder / "kubernetes/models.yaml"
        objects = list(yaml.safe_load_all(manifests.read_text()))
        self.assertEqual(sorted(o["kind"] for o in objects), ["ConfigMap", "ConfigMap", "Deployment", "Deployment", "Service", "Service"])
        for one in objects:
            held_against(CLASSES[one["kind"]], one, one["kind"])
        fleet = next(o for o in objects if o["kind"] == "ConfigMap" and "chat" in o["metadata"]["name"])["data"]["fleet.toml"]
        (self.folder / "fleet.toml").write_text(fleet)
        self.run_it(PROGRAM, "plan", self.folder / "fleet.toml")
        self.assertEqual(self.run_it("bash", "-n", self.folder / "kubernetes/nodes.sh"), "")
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Discovery)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        said = self.run_it("kubectl", "--server", f"http://127.0.0.1:{server.server_port}", "create", "--dry-run=client", "--validate=false", "-f", manifests)
        self.assertEqual(said.count("created (dry run)"), 6)

    def test_the_types_are_really_looked_at(self):
        for wrong in ({"spec": {"replicas": "2"}}, {"spec": {"colour": 1}}, {"spec": {"replicas": 2}}):
            with self.assertRaises((AssertionError, ValueError)):
                held_against("V1Deployment", wrong, "Deployment")


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0]] + sys.argv[2:])
