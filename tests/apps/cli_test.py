#!/usr/bin/env python3
"""The command line as its users meet it: exit statuses, sentences, JSON, and nothing left behind.

cli_test.py PROGRAM MODELS_DIR [unittest arguments]
"""
import ctypes
import fcntl
import json
import os
import pathlib
import pty
import re
import resource
import select
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import threading
import time
import unittest

PROGRAM = sys.argv[1]
MODELS = pathlib.Path(sys.argv[2])
LLAMA = str(MODELS / "llama-dense.gguf")
SANITIZED = bool(os.environ.get("PLIMSOLL_TEST_SANITIZED"))
# Under a sanitizer a process is said not to grow (src/device/host_probes.cpp): nothing is measured, no line is left.
MEASURED = set() if SANITIZED else {"calibrated"}
DEMO = pathlib.Path(__file__).resolve().parents[2] / "models/demo"
BOSUN = str(DEMO / "bosun-log.gguf")
MATE = str(DEMO / "mate-chat.gguf")  # answers questions, and carries a template
FAILED, USAGE, REFUSED, UNUSABLE, INTERRUPTED = 1, 2, 3, 4, 130
# Small and on the CPU, with one thread: tests run side by side.
SMALL = ["-c", "256", "-b", "64", "-ub", "32", "-t", "1", "--device", "none"]


def obey_permissions():
    """For a child: files that may not be read cannot be, also where it is root. Two capabilities let root read them."""
    if os.geteuid() != 0:
        return
    drop_from_bounding_set = 24  # PR_CAPBSET_DROP: what is started next does not get them
    libc = ctypes.CDLL(None, use_errno=True)
    for capability in (1, 2):  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
        if libc.prctl(drop_from_bounding_set, capability, 0, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), "a capability could not be dropped")


class Cli(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.path = pathlib.Path(self.folder.name)
        self.environment = {k: v for k, v in os.environ.items() if not k.startswith("PLIMSOLL_") or k == "PLIMSOLL_IN_ROOT"}
        self.environment.update(XDG_CACHE_HOME=str(self.path / "cache"), XDG_CONFIG_HOME=str(self.path / "config"), PLIMSOLL_BROKER="off")

    def run_it(self, *arguments, status=0, **options):
        options.setdefault("timeout", 120)
        done = subprocess.run([PROGRAM, *map(str, arguments)], capture_output=True, env=self.environment, **options)
        out, err = done.stdout.decode(), done.stderr.decode()
        self.assertEqual(done.returncode, status, f"{arguments}\nstdout: {out}\nstderr: {err}")
        if status != 0:
            self.assertRegex(err, r"plimsoll: .{10,}", "a sentence is due")
        return out, err

    def refused_file(self, content, words, name="bad.gguf"):
        path = self.path / name
        if content is not None:
            path.write_bytes(content)
        for command in (["plan"], ["generate", "--tokens", "1"]):
            _, err = self.run_it(*command, "-m", path, *SMALL, status=UNUSABLE)
            self.assertRegex(err, words)
        out, _ = self.run_it("plan", "-m", path, "--json", status=UNUSABLE)
        self.assertEqual(json.loads(out)["schema"], "plimsoll.error/1")
        self.assertEqual(json.loads(out)["code"], "model_unusable")


class Plans(Cli):
    def test_the_json_follows_its_schema(self):
        out, err = self.run_it("plan", "-m", LLAMA, "--name", "a", "-c", 300, "-np", 3, "-t", 1, "--json")
        self.assertEqual(err, "")
        plan = json.loads(out)
        self.assertEqual(plan["schema"], "plimsoll.plan/1")
        self.assertEqual(plan["verdict"], "fits")
        self.assertEqual(plan["engine"]["tracker"], "enforcing")
        model = plan["models"][0]
        self.assertEqual(model["name"], "a")
        self.assertEqual(model["context"]["n_ctx"], 768)
        self.assertEqual(model["context"]["n_ctx_seq"], 256)
        self.assertEqual(model["requested"]["n_ctx"], 300)
        for line in model["entries"]:
            self.assertIn(line["stage"], ("weights", "kv_cache", "compute", "output", "adapter", "runtime"))
            self.assertIn(line["source"], ("exact", "measured", "calibrated", "estimated", "given"))
            self.assertGreater(line["bytes"], 0)
        for device in plan["devices"]:
            self.assertTrue(device["fits"])

    def test_a_refusal_prints_the_plan_and_says_which_limit(self):
        out, _ = self.run_it("plan", "-m", LLAMA, "-dev", "none", "-c", 8192, "--budget", "CPU=9MiB", "--json", status=REFUSED)
        plan = json.loads(out)
        self.assertEqual(plan["verdict"], "refused")
        host = next(d for d in plan["devices"] if d["device"] == "CPU")
        self.assertEqual(host["limit"], "budget")
        self.assertEqual(host["budget"], 9 << 20)
        self.assertEqual(host["short_by"], host["required"] - host["budget"])

    def test_metadata_can_be_overruled(self):
        base = ["plan", "-m", BOSUN, "-dev", "none", "-c", 0, "-t", 1]
        own = json.loads(self.run_it(*base, "--json")[0])["models"][0]["context"]["n_ctx"]
        changed = json.loads(self.run_it(*base, "--override-kv", "llama.context_length=int:256", "--json")[0])["models"][0]
        self.assertEqual((own > 256, changed["context"]["n_ctx"]), (True, 256))
        both = self.run_it(*base, "--override-kv", "llama.context_length=int:512,general.name=str:a, b", "--json")[0]
        self.assertEqual(json.loads(both)["models"][0]["context"]["n_ctx"], 512)
        for wrong in ("llama.context_length", "llama.context_length=int:many", "=int:3", "llama.context_length=str:256"):
            self.assertIn("llama.context_length" if wrong[0] == "l" else "=int:3", self.run_it(*base, "--override-kv", wrong, status=USAGE)[1])

    def test_a_guess_can_be_overruled(self):
        base = ["plan", "-m", LLAMA, "-dev", "none", "-c", 300, "-t", 1]
        given = json.loads(self.run_it(*base, "--runtime", "CPU=40MiB", "--json")[0])["models"][0]["entries"]
        runtime = next(line for line in given if line["stage"] == "runtime")
        self.assertEqual((runtime["bytes"], runtime["source"]), (40 << 20, "given"))
        exact = sum(line["bytes"] for line in given if line["source"] == "exact" and line.get("charged", True))
        line = ["--budget", f"CPU={exact + 1000}"]
        out, _ = self.run_it(*base, *line, status=REFUSED)
        self.assertIn("--runtime CPU=SIZE overrules it", out)
        refused = json.loads(self.run_it(*base, *line, "--json", status=REFUSED)[0])
        self.assertTrue(next(d for d in refused["devices"] if d["device"] == "CPU")["stands_on_estimate"])
        self.run_it(*base, *line, "--runtime", "CPU=500B")
        self.run_it("calibrate", *base[1:], *line)

    def test_alternatives_really_fit(self):
        base = ["plan", "-m", LLAMA, "-dev", "none", "-c", 65536]
        asked = json.loads(self.run_it(*base, "--json")[0])
        needed = next(d["required"] for d in asked["devices"] if d["device"] == "CPU")
        line = ["--budget", f"CPU={needed * 3 // 4}"]
        refused = json.loads(self.run_it(*base, *line, "--json", status=REFUSED)[0])
        self.assertTrue(1 <= len(refused["alternatives"]) <= 3)
        for alternative in refused["alternatives"]:
            out, _ = self.run_it(*base, *alternative["flags"], *line, "--json")
            required = {d["device"]: d["required"] for d in json.loads(out)["devices"] if d["required"]}
            self.assertEqual(required, alternative["required"])
        out, _ = self.run_it(*base, *line, "--fit", "--json")
        self.assertEqual(json.loads(out)["verdict"], "fits")

    def test_several_models_refused_together_get_ways_out_that_hold_for_all(self):
        base = ["plan", "-m", LLAMA, "-m", str(MODELS / "jamba-dense.gguf"), "-m", LLAMA, "--name", "a", "--name", "b", "--name", "c", "-dev", "none", "-c", 65536]
        asked = json.loads(self.run_it(*base, "--json")[0])
        needed = next(d["required"] for d in asked["devices"] if d["device"] == "CPU")
        line = ["--budget", f"CPU={needed * 3 // 4}"]
        refused = json.loads(self.run_it(*base, *line, "--json", status=REFUSED)[0])
        self.assertTrue(1 <= len(refused["alternatives"]) <= 3)
        self.assertTrue(refused["each_fits_alone"])
        for alternative in refused["alternatives"]:
            out, _ = self.run_it(*base, *alternative["flags"], *line, "--json")
            required = {d["device"]: d["required"] for d in json.loads(out)["devices"] if d["required"]}
            self.assertEqual(required, alternative["required"])
        fitted = json.loads(self.run_it(*base, *line, "--fit", "--json")[0])
        self.assertEqual(fitted["verdict"], "fits")
        nearest = refused["alternatives"][0]["required"]
        self.assertEqual({d["device"]: d["required"] for d in fitted["devices"] if d["required"]}, nearest)

    def test_a_fleet_is_planned_without_the_model_that_cannot_be_used(self):
        fleet = self.path / "fleet.toml"
        models = [f'[[model]]\nname = "{name}"\npath = "{file}"\ndevice = "none"\nctx-size = 256\n' for name, file in (("here", LLAMA), ("gone", "none.gguf"))]
        fleet.write_text("".join(models))
        out, err = self.run_it("plan", fleet, status=UNUSABLE)
        self.assertIn("Cannot be used: gone: ", out)
        self.assertRegex(err, "'gone' cannot be used: .*no such file")
        answer = json.loads(self.run_it("plan", fleet, "--json", status=UNUSABLE)[0])
        self.assertEqual(([m["name"] for m in answer["models"]], answer["together"]), (["here"], [["here"]]))
        self.assertEqual([(u["name"], u["code"]) for u in answer["unusable"]], [("gone", "model_unusable")])
        fleet.write_text(models[1])
        self.assertIn("no such file", self.run_it("plan", fleet, status=UNUSABLE)[1])

    def test_a_fleet_says_what_would_let_in_a_model_that_never_fits(self):
        fleet = self.path / "fleet.toml"

        def write(keys):
            fleet.write_text(f'[[model]]\nname = "a"\npath = "{LLAMA}"\ndevice = "none"\n{keys}\n')

        write("ctx-size = 65536")
        asked = json.loads(self.run_it("plan", fleet, "--json")[0])
        needed = next(d["required"] for d in asked["devices"] if d["device"] == "CPU")
        line = ["--budget", f"CPU={needed * 3 // 4}"]
        out, err = self.run_it("plan", fleet, *line, status=REFUSED)
        self.assertIn("not every model of this fleet fits", err)
        ways = [w.rsplit("  (", 1)[0].split("would fit: ")[1] for w in out.splitlines() if "would fit: " in w]
        self.assertTrue(1 <= len(ways) <= 3, out)
        for way in ways:
            keys = way.replace(", ", "\n")
            write(keys if "ctx-size" in keys else "ctx-size = 65536\n" + keys)
            self.run_it("plan", fleet, *line)

    def test_a_second_plan_is_remembered(self):
        first, _ = self.run_it("plan", "-m", LLAMA, "--explain")
        second, _ = self.run_it("plan", "-m", LLAMA, "--explain")
        self.assertIn("1 tried by a dry run now, 0 remembered", first)
        self.assertIn("0 tried by a dry run now, 1 remembered", second)

    def test_a_line_above_the_device_is_lowered_with_a_warning(self):
        _, err = self.run_it("plan", "-m", LLAMA, "--budget", "CPU=999TiB")
        self.assertIn("lowered", err)

    def test_a_cache_folder_that_cannot_be_used_changes_nothing(self):
        models = lambda: json.loads(self.run_it("plan", "-m", LLAMA, "--json")[0])["models"]
        expected = models()
        self.environment["XDG_CACHE_HOME"] = "/proc/version"
        self.assertEqual(models(), expected)

    def test_two_programs_share_the_store(self):
        results = []
        threads = [threading.Thread(target=lambda n=n: results.append(self.run_it("plan", "-m", LLAMA, "-c", 256 * n))) for n in range(1, 9)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(len(results), 8)

    def test_environment_and_configuration_file_come_before_defaults_and_after_flags(self):
        self.environment["PLIMSOLL_CTX_SIZE"] = "512"
        context = lambda *flags: json.loads(self.run_it("plan", "-m", LLAMA, "--json", *flags)[0])["models"][0]["context"]["n_ctx"]
        self.assertEqual(context(), 512)
        self.assertEqual(context("-c", "1024"), 1024)
        del self.environment["PLIMSOLL_CTX_SIZE"]
        (self.path / "config/plimsoll").mkdir(parents=True)
        (self.path / "config/plimsoll/config.toml").write_text("[plan]\nctx-size = 768\n")
        self.assertEqual(context(), 768)
        self.assertEqual(context("-c", "1024"), 1024)


class Prompts(Cli):
    """Where a prompt comes from, and what models are called."""

    def generate(self, *arguments, **options):
        return self.run_it("generate", "-m", BOSUN, *SMALL, "-c", 256, "--temp", 0, "-n", 6, *arguments, **options)[0]

    def test_a_prompt_comes_from_a_flag_a_file_or_stdin(self):
        said = self.generate("-p", "Day 12.\nCalm")
        file = self.path / "prompt"
        for text in (b"Day 12.\nCalm", b"\xef\xbb\xbfDay 12.\r\nCalm"):
            file.write_bytes(text)
            self.assertEqual(self.generate("-f", file), said)
            self.assertEqual(self.generate("-f", "-", input=text), said)
            self.assertEqual(self.generate(input=text), said)
            with open(file) as stdin:
                self.assertEqual(self.generate(stdin=stdin), said)
        self.assertEqual(self.generate("-p", "Day 12.\nCalm", input=b"not this"), said)
        for arguments, stdin in (([], {"stdin": subprocess.DEVNULL}), (["-p", ""], {"input": b"not this"}), ([], {"input": b""})):
            _, err = self.run_it("generate", "-m", BOSUN, *SMALL, *arguments, status=USAGE, **stdin)
            self.assertIn("the prompt is empty", err)
        self.run_it("generate", "-m", BOSUN, *SMALL, "-f", self.path / "absent", status=USAGE)

    def test_an_unknown_subcommand_says_what_is_near(self):
        for written, near in (("genrate", "generate"), ("server", "serve"), ("paln", "plan")):
            _, err = self.run_it(written, "-m", BOSUN, status=USAGE)
            self.assertIn(f"there is no subcommand '{written}'; did you mean '{near}'?", err)
        _, err = self.run_it("fly", status=USAGE)
        self.assertRegex(err, "no subcommand 'fly'; there are .*serve")
        self.assertNotIn("dry-run-worker", err)
        out, _ = self.run_it("genrate", "--json", status=USAGE)
        self.assertIn("did you mean", json.loads(out)["message"])

    def test_names_that_are_no_utf8_are_models_like_others(self):
        path = os.path.join(os.fsencode(self.path), b"B\xe4r.GGUF")
        shutil.copy(BOSUN, path)
        done = subprocess.run([os.fsencode(PROGRAM), b"plan", b"-m", path, b"-dev", b"none", b"-c", b"256", b"--json"],
                              capture_output=True, env=self.environment, timeout=120)
        self.assertEqual(done.returncode, 0, done.stderr)
        model = json.loads(done.stdout.decode())["models"][0]  # valid UTF-8
        self.assertEqual(model["name"], "B\ufffdr")
        self.assertTrue(model["path"].endswith("B\ufffdr.GGUF"))
        again = subprocess.run([os.fsencode(PROGRAM), b"generate", b"-m", path, b"-dev", b"none", b"-c", b"256", b"-n", b"2", b"-p", b"Day", b"--json"],
                               capture_output=True, env=self.environment, timeout=120)
        self.assertEqual(again.returncode, 0, again.stderr)
        json.loads(again.stdout.decode())
        fleet = self.path / "fleet.toml"
        fleet.write_text(f'[[model]]\npath = "{BOSUN}"\nctx-size = 256\n')
        self.run_it("plan", fleet)

    def test_a_plan_says_what_a_template_lacks(self):
        plan = ["plan", "-m", BOSUN, "-dev", "none", "-c", 256]
        broken = self.path / "broken.jinja"
        broken.write_text("{% for m in messages %}")
        self.assertIn("  Chat: bosun-log: its chat template knows no tools", self.run_it(*plan, "--chat-template", "chatml")[0])
        template = json.loads(self.run_it(*plan, "--chat-template", "{{ messages[0].content }}{{ tools }}", "--json")[0])["templates"][0]
        self.assertEqual((template["name"], template["own"], template["chats"], template["tools"]), ("bosun-log", False, True, True))
        _, err = self.run_it(*plan, "--chat-template-file", broken, status=USAGE)
        self.assertRegex(err, "broken.jinja: the chat template cannot be read: line 1")
        _, err = self.run_it(*plan, "--chat-template", "chatmll", status=USAGE)
        self.assertRegex(err, "neither Jinja text nor .* chatml")
        fleet = self.path / "fleet.toml"
        fleet.write_text(f'[[model]]\nname = "a"\npath = "{MATE}"\nctx-size = 256\ndevice = "none"\n[[model.preset]]\nname = "terse"\nchat-template = "llama3"\n')
        out = self.run_it("plan", fleet)[0]
        self.assertIn("Preset: terse: a's weights and context, 0 bytes of its own", out)
        self.assertIn("Chat: terse: its chat template knows no tools", out)
        said = json.loads(self.run_it("plan", fleet, "--json")[0])
        self.assertEqual(said["presets"], [{"name": "terse", "model": "a", "bytes": 0}])
        self.assertEqual([t["name"] for t in said["templates"]], ["a", "terse"])


class Usage(Cli):
    def test_what_means_nothing_is_said_to_mean_nothing(self):
        for arguments in (["--nonsense"], ["nonsense"], [],
                          ["plan", "-m", LLAMA, "-b", "64", "-ub", "128"],
                          ["plan", "-m", LLAMA, "--device", "Vulkan9"],
                          ["plan", "-m", LLAMA, "--budget", "lots"],
                          ["plan", "-m", LLAMA, "--budget", "Vulkan9=1GiB"],
                          ["plan", "-m", LLAMA, "--budget", "0%"],
                          ["plan", "-m", LLAMA, "-ctk", "q9_9"],
                          ["plan", "-m", LLAMA, "-fa", "perhaps"],
                          ["plan", "-m", LLAMA, "-fa", "off", "-ctv", "q8_0"],
                          ["plan", "-m", LLAMA, "--budget", "Vulkan9=1GiB", "--budget", "Vulkan9=2GiB"],
                          ["plan", "-m", LLAMA, "--budget", "1GiB", "--budget", "2GiB"],
                          ["plan", "-m", LLAMA, "-dev", "none", "--budget", "1MiB"],
                          ["generate", "-m", LLAMA, "--tokens", "1", "--budget", "1MiB", *SMALL],
                          ["plan", "-m", LLAMA, "-c", "999999999"],
                          ["plan", "-m", LLAMA, "--runtime", "600MiB"],
                          ["plan", "-m", LLAMA, "--runtime", "CPU=lots"],
                          ["plan", "-m", LLAMA, "--runtime", "CPU=1MiB", "--runtime", "CPU=2MiB"],
                          ["plan", "-m", LLAMA, "--runtime", "Vulkan9=1MiB"],
                          ["plan", "-m", LLAMA, "-c", "-5"],
                          ["plan", "-m", LLAMA, "-c", "4", "-np", "8"],
                          ["plan", "-m", LLAMA, "-b", "4", "-np", "8"],
                          ["plan", "-m", LLAMA, "-t", "100000"],
                          ["plan", "-m", LLAMA, "-sm", "none", "-mg", "7"],
                          ["plan", "-m", LLAMA, "-sm", "none", "-mg", "-1"],
                          ["embed", "-m", LLAMA, "-dev", "none", "-c", "256", "-ub", "2", "-np", "5", "text"],
                          ["plan", "-m", LLAMA, "-np", "0"],
                          ["plan", "-m", LLAMA, "-ngl", "many"],
                          ["plan", "-m", LLAMA, "-ot", "((=CPU"],
                          ["plan", "-m", LLAMA, "-ot", "ffn"],
                          ["generate", "-m", LLAMA, "--warm-up", "lukewarm"],
                          ["generate", "-m", LLAMA, "--tokens", "1,x"],
                          ["generate", "-m", LLAMA, "--tokens", "1", "-p", "both", *SMALL],
                          ["generate", "-m", LLAMA, "--tokens", "1", "--grammar", "root ::= ", *SMALL],
                          ["generate", "-m", LLAMA, "--grammar-file", "/nowhere", *SMALL],
                          ["generate", "-m", LLAMA, "--tokens", "1", "--json-schema", "{", *SMALL],
                          ["generate", "-m", LLAMA, "--tokens", "1", "-jf", "/nowhere", *SMALL],
                          ["generate", "-m", LLAMA, "--tokens", "1", "-j", "{}", "--grammar", "root ::= \"a\"", *SMALL],
                          ["generate", "-m", LLAMA, "--tokens", "1", "--samplers", "top_k;tallest", *SMALL],
                          ["generate", "-m", LLAMA, "--tokens", "1", "--top-p", "2", *SMALL],
                          ["generate", "-m", LLAMA, "--tokens", "1", "-l", "5*3", *SMALL],
                          ["generate", "-m", LLAMA, "--tokens", "1", "-l", "99999999+3", *SMALL],
                          ["plan", "-m", LLAMA, "--lora-scaled", "file", *SMALL],
                          ["plan", "-m", LLAMA, "--control-vector-layer-range", "1", "2", *SMALL]):
            with self.subTest(arguments):
                self.run_it(*arguments, status=USAGE)

    def test_errors_are_json_where_json_was_asked_for(self):
        out, _ = self.run_it("plan", "-m", LLAMA, "-ub", "4096", "--json", status=USAGE)
        self.assertEqual(json.loads(out)["code"], "usage")

    def test_advice_is_in_the_words_of_the_command_line(self):
        _, err = self.run_it("plan", "-m", LLAMA, "-b", "4", "-np", "8", status=USAGE)
        self.assertIn("give it --batch-size 8", err)
        out, _ = self.run_it("plan", "-m", LLAMA, "-b", "4", "-np", "8", "--json", status=USAGE)
        self.assertIn("give it --batch-size 8", json.loads(out)["message"])

    def test_help_and_version_are_no_errors(self):
        for arguments in (["--help"], ["plan", "--help"], ["--version"]):
            out, _ = self.run_it(*arguments)
            self.assertTrue(out)

    def test_every_subcommand_is_started_anew_or_has_no_threads_that_wait(self):
        """Whoever adds one decides it: apps/plimsoll/waiting.cpp."""
        out, _ = self.run_it("--help")
        names = set(re.findall(r"^  ([a-z]+) ", out[out.index("SUBCOMMANDS"):], re.MULTILINE))
        source = (pathlib.Path(__file__).parents[2] / "apps/plimsoll/waiting.cpp").read_text()
        computing = set(re.findall(r'"([a-z]+)"', source[source.index("kComputing"):source.index("};")]))
        self.assertEqual(computing & names, computing)
        self.assertEqual(names - computing, {"devices", "plan", "doctor", "tokenize", "quantize", "guard", "place", "ps"})


class BadFiles(Cli):
    def test_missing(self):
        self.refused_file(None, "no such file")

    def test_directory(self):
        (self.path / "bad.gguf").mkdir()
        self.refused_file(None, "directory|folder")

    def test_no_permission_to_read(self):
        path = self.path / "locked.gguf"
        path.write_bytes(pathlib.Path(LLAMA).read_bytes())
        path.chmod(0)
        cat = subprocess.run(["cat", str(path)], capture_output=True, preexec_fn=obey_permissions)
        self.assertNotEqual(cat.returncode, 0, "the file can be read here: this test would say nothing")
        for command in (["plan"], ["generate", "--tokens", "1"]):
            _, err = self.run_it(*command, "-m", path, *SMALL, status=UNUSABLE, preexec_fn=obey_permissions)
            self.assertIn("no permission", err)
        out, _ = self.run_it("plan", "-m", path, "--json", status=UNUSABLE, preexec_fn=obey_permissions)
        self.assertEqual(json.loads(out)["code"], "model_unusable")

    def test_empty(self):
        self.refused_file(b"", "empty")

    def test_not_a_model(self):
        self.refused_file(b"#!/bin/sh\necho hello\n" * 100, "GGUF")

    def test_future_version(self):
        self.refused_file(b"GGUF" + struct.pack("<IQQ", 99, 0, 0), "version")

    def test_absurd_counts(self):
        self.refused_file(b"GGUF" + struct.pack("<IQQ", 3, 1 << 60, 1 << 60), ".")

    def test_unknown_architecture(self):
        content = pathlib.Path(LLAMA).read_bytes()
        self.refused_file(content.replace(b"llama", b"lhama", 1), ".")

    def test_cut_short_at_every_fiftieth(self):
        content = pathlib.Path(LLAMA).read_bytes()
        for part in range(50):
            with self.subTest(part):
                path = self.path / "cut.gguf"
                path.write_bytes(content[:len(content) * part // 50])
                self.run_it("plan", "-m", path, *SMALL, status=UNUSABLE)


class Generates(Cli):
    def generate(self, *arguments, **options):
        return self.run_it("generate", "-m", LLAMA, *SMALL, "--tokens", "1,2,3", "--temp", "0", *arguments, **options)

    def test_the_report_proves_the_seal(self):
        report = self.path / "report.json"
        out, _ = self.generate("-n", 8, "--report", report)
        self.assertEqual(out.count("\n"), 1)
        said = json.loads(report.read_text())
        self.assertEqual(said["schema"], "plimsoll.report/1")
        self.assertEqual(said["seal"], {"allocations_after_seal": 0, "refused_after_seal": 0, "graph_reallocations": 0})
        if SANITIZED:  # its allocator keeps what was freed, so the process grows by what comes and goes
            self.assertLess(said["growth_after_ready_bytes"], 16 << 20)
        else:
            self.assertLess(said["growth_after_ready_bytes"], 2 << 20)
        self.assertEqual([f.name for f in self.path.glob("report*")], ["report.json"])
        planned = {(l["device"], l["buffer"], l["stage"]): l["bytes"] for l in said["plan"]["models"][0]["entries"] if l["stage"] != "runtime"}
        for moment in ("after_context", "ready", "end"):
            taken = {(l["device"], l["buffer"], l["stage"]): l["bytes"] for l in said["ledger"][moment] if l["stage"] != "runtime"}
            self.assertEqual(taken, planned, moment)

    def test_memory_that_is_not_touched_before_it_is_used_says_the_same(self):
        touched, _ = self.generate("-n", 8)
        later, _ = self.generate("-n", 8, "--no-prefault")
        self.assertEqual(later, touched)

    def test_what_was_measured_is_in_the_next_plan(self):
        report = self.path / "report.json"
        self.generate("-n", 1, "--report", report)
        measured = [l for l in json.loads(report.read_text())["ledger"]["ready"] if l["stage"] == "runtime"]
        out, _ = self.run_it("plan", "-m", LLAMA, *SMALL, "--json")
        planned = [l for l in json.loads(out)["models"][0]["entries"] if l["stage"] == "runtime"]
        self.assertEqual([(l["device"], l["bytes"]) for l in planned], [(l["device"], l["bytes"]) for l in measured])
        self.assertEqual({l["source"] for l in planned}, MEASURED)

    def test_a_schema_shapes_the_answer(self):
        schema = {"type": "object", "properties": {"day": {"type": "integer", "minimum": 1, "maximum": 31}}, "required": ["day"]}
        file = self.path / "schema.json"
        file.write_text(json.dumps(schema))
        for flags in (["-j", json.dumps(schema)], ["--json-schema-file", file], ["-jf", file]):
            out, _ = self.run_it("generate", "-m", MATE, *SMALL, "-p", "Day 12.", "--seed", 1, "--json", *flags)
            answer = json.loads(json.loads(out)["text"])
            self.assertEqual(list(answer), ["day"])
            self.assertIn(answer["day"], range(1, 32))

    def test_every_sampler_has_its_flag(self):
        said = {}
        for name, flags in {"plain": [], "biased": ["-l", "65+100"], "order": ["--samplers", "temperature;top_k", "--top-k", 1],
                            "mirostat": ["--mirostat", 2, "--mirostat-lr", 0.2, "--mirostat-ent", 3],
                            "all": ["--dynatemp-range", 0.3, "--dynatemp-exp", 2, "--top-n-sigma", 2, "--typical", 0.9,
                                    "--xtc-probability", 0.5, "--xtc-threshold", 0.05, "--dry-multiplier", 1, "--dry-base", 2,
                                    "--dry-allowed-length", 1, "--dry-penalty-last-n", 32, "--dry-sequence-breaker", "none",
                                    "--adaptive-target", 0.5, "--adaptive-decay", 0.8]}.items():
            out, _ = self.run_it("generate", "-m", MATE, *SMALL, "-p", "Day 12.", "--seed", 3, "-n", 20, "--json", *flags)
            said[name] = json.loads(out)["text"]
        self.assertEqual(len(set(said.values())), len(said), said)

    def test_a_prompt_longer_than_the_context(self):
        _, err = self.run_it("generate", "-m", LLAMA, *SMALL, "--tokens", ",".join(["1"] * 300), status=FAILED)
        self.assertIn("300", err)

    def test_a_report_that_cannot_be_written(self):
        self.generate("-n", 1, "--report", "/dev/full", status=FAILED)
        self.generate("-n", 1, "--report", self.path / "no/such/folder/r.json", status=FAILED)

    def test_a_full_disk_leaves_the_old_report(self):
        report = self.path / "report.json"
        report.write_text("old")
        limit = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (512, 512))
        ignore = lambda: (signal.signal(signal.SIGXFSZ, signal.SIG_IGN), limit())
        self.environment["XDG_CACHE_HOME"] = "/proc/version"
        self.generate("-n", 1, "--report", report, status=FAILED, preexec_fn=ignore)
        self.assertEqual(report.read_text(), "old")
        self.assertEqual([f.name for f in self.path.glob("report*")], ["report.json"])

    def test_a_refusal_loads_nothing(self):
        out, _ = self.generate("--budget", "CPU=64KiB", "--json", status=REFUSED)
        self.assertEqual(json.loads(out)["verdict"], "refused")

    @staticmethod
    def catches_interrupts(process):
        for line in pathlib.Path(f"/proc/{process.pid}/status").read_text().splitlines():
            if line.startswith("SigCgt:"):
                return int(line.split()[1], 16) & 1 << (signal.SIGINT - 1)
        return False

    def interrupted(self, when, *arguments):
        process = subprocess.Popen([PROGRAM, "generate", "-m", LLAMA, *SMALL, "--tokens", "1", *arguments], env=self.environment,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.addCleanup(process.kill)
        while not self.catches_interrupts(process):
            time.sleep(0.002)
        when(process)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)  # what it was asked for takes minutes
        self.assertEqual(process.returncode, INTERRUPTED, err.decode())
        self.assertIn(b"interrupted" if b"interrupted" in err else b"cancelled", err)

    def test_ctrl_c_while_generating(self):
        self.interrupted(lambda process: process.stdout.read(1), "-n", "100000", "-c", "65536", "--ignore-eos")

    def test_ctrl_c_at_any_moment(self):
        for milliseconds in (0, 30, 100, 200, 400):
            with self.subTest(milliseconds):
                self.interrupted(lambda process, ms=milliseconds: time.sleep(ms / 1000), "-n", "1000000", "-c", "65536", "--ignore-eos")


def lines_of(model):
    return {(l["device"], l["buffer"], l["stage"]): l["bytes"] for l in model["entries"] if l["stage"] != "runtime"}


def taken(lines):
    return {(l["device"], l["buffer"], l["stage"]): l["bytes"] for l in lines if l["stage"] != "runtime"}


class Drafts(Cli):
    BOSUN = str(DEMO / "bosun-log.gguf")
    ASKED = ["-p", "Day 12.", "--temp", "0", "-n", "24"]

    def test_the_text_is_the_targets_and_the_report_proves_both_seals(self):
        report = self.path / "report.json"
        alone, _ = self.run_it("generate", "-m", self.BOSUN, *SMALL, *self.ASKED)
        out, _ = self.run_it("generate", "-m", self.BOSUN, "-md", self.BOSUN, "--draft-max", 4, *SMALL, *self.ASKED, "--report", report)
        self.assertEqual(out, alone)
        said = json.loads(report.read_text())
        target, draft = said["plan"]["models"]
        self.assertEqual([target["name"], draft["name"]], ["bosun-log", "bosun-log-draft"])
        self.assertEqual(target["context"]["outputs"], 5)
        self.assertEqual(taken(said["ledger"]["end"]), lines_of(target))
        self.assertEqual(taken(said["draft"]["ledger"]["end"]), lines_of(draft))
        for seal in (said["seal"], said["draft"]["seal"]):
            self.assertEqual(seal, {"allocations_after_seal": 0, "refused_after_seal": 0, "graph_reallocations": 0})
        self.assertGreater(said["draft"]["accepted"], 0)
        self.assertLessEqual(said["draft"]["accepted"], said["draft"]["proposed"])

    def test_the_plan_has_both_and_sums_their_compute_buffers(self):
        out, _ = self.run_it("plan", "-m", self.BOSUN, "-md", MATE, *SMALL, "--json")
        plan = json.loads(out)
        self.assertEqual([m["name"] for m in plan["models"]], ["bosun-log", "mate-chat"])
        charged = sum(l["bytes"] for m in plan["models"] for l in m["entries"] if l.get("charged", True))
        host = next(d for d in plan["devices"] if d["device"] == "CPU")
        self.assertEqual(host["required"], charged)
        table, _ = self.run_it("plan", "-m", self.BOSUN, "-md", MATE, *SMALL)
        self.assertRegex(table, "(?s)bosun-log.*mate-chat")

    def test_what_does_not_fit_together_is_refused_before_either_is_loaded(self):
        both = ["-m", self.BOSUN, "-md", self.BOSUN, *SMALL]
        plan = json.loads(self.run_it("plan", *both, "--json")[0])
        line = next(d for d in plan["devices"] if d["device"] == "CPU")["required"] - 1
        _, err = self.run_it("generate", *both, *self.ASKED, "--budget", f"CPU={line}", status=REFUSED)
        self.assertIn("bosun-log-draft", err)
        self.run_it("generate", "-m", self.BOSUN, *SMALL, *self.ASKED, "--budget", f"CPU={line}")
        self.run_it("generate", *both, *self.ASKED, "--budget", f"CPU={line}", "--fit")

    def test_what_means_nothing(self):
        for flags in (["--draft-max", 0], ["--draft-max", 64], ["--draft-p-min", 2], ["-ngld", "some"]):
            with self.subTest(flags):
                self.run_it("generate", "-m", self.BOSUN, "-md", self.BOSUN, *SMALL, *self.ASKED, *flags, status=USAGE)
        self.run_it("plan", "-m", self.BOSUN, "-m", MATE, "-md", MATE, *SMALL, status=USAGE)
        _, err = self.run_it("generate", "-m", LLAMA, "-md", self.BOSUN, *SMALL, "--tokens", "1,2", status=USAGE)
        self.assertIn("not the same vocabulary", err)
        self.run_it("generate", "-m", self.BOSUN, "-md", self.path / "absent.gguf", *SMALL, *self.ASKED, status=UNUSABLE)


class Sees(Cli):
    """With a projector of random numbers: PLIMSOLL_TEST_PROJECTOR, PLIMSOLL_TEST_PICTURE."""
    BOSUN = str(DEMO / "bosun-log.gguf")
    PROJECTOR = os.environ.get("PLIMSOLL_TEST_PROJECTOR", "")
    PICTURE = os.environ.get("PLIMSOLL_TEST_PICTURE", "")

    def see(self, *arguments, **options):
        return self.run_it("generate", "-m", self.BOSUN, "--mmproj", self.PROJECTOR, *SMALL, "--temp", 0, "-n", 6, *arguments, **options)

    def test_the_report_proves_plan_and_seal(self):
        report = self.path / "report.json"
        self.see("--image", self.PICTURE, "-p", "Day 12. <__media__> Then", "--report", report)
        said = json.loads(report.read_text())
        model = said["plan"]["models"][0]
        self.assertEqual(model["projector"], {"path": self.PROJECTOR, "picture_tokens": 16})
        self.assertGreater(lines_of(model)["CPU", "CPU", "projector"], 0)
        for moment in ("after_context", "ready", "end"):
            self.assertEqual(taken(said["ledger"][moment]), lines_of(model), moment)
        self.assertEqual(said["seal"], {"allocations_after_seal": 0, "refused_after_seal": 0, "graph_reallocations": 0})
        self.assertTrue(any(s["step"].startswith("picture of") for s in said["warm_up"]))

    def test_pictures_are_part_of_the_prompt(self):
        out, _ = self.see("--image", self.PICTURE, "-p", "Day 12.", "--json")
        with_one = json.loads(out)["prompt_tokens"]
        out, _ = self.see("--image", self.PICTURE, "--image", self.PICTURE, "-p", "Day 12.", "--json")
        self.assertEqual(json.loads(out)["prompt_tokens"] - with_one, 16 + 1)  # and the line's end between them

    def test_what_means_nothing(self):
        for flags, status, words in (
                (["--image", self.PICTURE, "-p", "<__media__> <__media__>"], USAGE, "2 markers"),
                (["--image", self.path / "absent.png", "-p", "a"], FAILED, "cannot be read"),
                (["--image", self.PROJECTOR, "-p", "a"], USAGE, "no picture"),
                (["--image", self.PICTURE, "-md", self.BOSUN, "-p", "a"], USAGE, "draft"),
                (["--image-max-tokens", -1, "-p", "a"], USAGE, "--image-max-tokens"),
                (["--mmproj", self.PROJECTOR, "-p", "a"], USAGE, "one --mmproj")):
            with self.subTest(flags):
                self.assertRegex(self.see(*flags, status=status)[1], words)
        self.run_it("generate", "-m", self.BOSUN, "--image", self.PICTURE, *SMALL, "-p", "a", status=USAGE)
        self.run_it("plan", "--mmproj", self.PROJECTOR, *SMALL, status=USAGE)

    def test_a_projector_that_is_none(self):
        for file, words in ((self.BOSUN, "is no projector"), (self.path / "absent.gguf", "absent.gguf")):
            _, err = self.run_it("plan", "-m", self.BOSUN, "--mmproj", file, *SMALL, status=UNUSABLE)
            self.assertRegex(err, words)
        _, err = self.run_it("generate", "-m", LLAMA, "--mmproj", self.PROJECTOR, *SMALL, "--tokens", "1", status=UNUSABLE)
        self.assertRegex(err, "mismatch")

    def test_a_damaged_projector_is_its_own_fault(self):
        whole = pathlib.Path(self.PROJECTOR).read_bytes()
        bad = self.path / "bad.gguf"
        for end in range(0, len(whole), max(1, len(whole) // 20)):
            bad.write_bytes(whole[:end])
            self.run_it("plan", "-m", self.BOSUN, "--mmproj", bad, *SMALL, status=UNUSABLE)


class Chats(Cli):
    QUESTION = "What is the name of the ship?"

    def chat(self, *lines, flags=(), **options):
        text = "".join(line + "\n" for line in lines)
        return self.run_it("chat", "-m", MATE, *SMALL, "-n", 12, "--temp", 0, *flags, input=text.encode(), **options)

    def test_a_message_gets_an_answer(self):
        out, _ = self.chat(self.QUESTION)
        self.assertTrue(out.strip())

    def test_it_remembers_until_it_is_told_to_forget(self):
        alone, _ = self.chat(self.QUESTION)
        again, _ = self.chat(self.QUESTION, "/clear", self.QUESTION)
        self.assertEqual(again, alone * 2)
        history, _ = self.chat(self.QUESTION, "/history")
        self.assertIn(self.QUESTION, history)
        forgotten, _ = self.chat(self.QUESTION, "/clear", "/history")
        self.assertNotIn(self.QUESTION, forgotten)

    def test_the_system_message_is_set_by_flag_and_by_command_and_survives_clear(self):
        out, _ = self.chat("/history", flags=("--system", "Speak like a mate."))
        self.assertIn("Speak like a mate.", out)
        out, _ = self.chat("/system Speak like a cook.", "/clear", "/history", flags=("--system", "Speak like a mate."))
        self.assertIn("Speak like a cook.", out)
        self.assertNotIn("mate", out)

    def test_quit_ends_it_there(self):
        out, _ = self.chat("/quit", self.QUESTION)
        self.assertEqual(out, "")

    def test_an_unknown_command_tells_those_there_are(self):
        _, err = self.chat("/sing")
        self.assertIn("/clear", err)
        self.assertIn("/quit", err)

    def test_a_refusal_says_so(self):
        self.chat(self.QUESTION, flags=("--budget", "CPU=64KiB"), status=REFUSED)

    def test_a_message_longer_than_the_context_is_an_error_where_nobody_can_answer(self):
        _, err = self.chat(self.QUESTION * 100, status=FAILED)
        self.assertIn("context", err)

    def test_ctrl_c_while_answering(self):
        process = subprocess.Popen([PROGRAM, "chat", "-m", LLAMA, *SMALL, "-c", "65536", "-n", "-1"], env=self.environment,
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.addCleanup(process.kill)
        process.stdin.write(self.QUESTION.encode() + b"\n")
        process.stdin.flush()
        self.assertTrue(process.stdout.read(1))
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
        self.assertEqual(process.returncode, INTERRUPTED, err.decode())


    def test_ctrl_c_at_the_prompt(self):
        ours, theirs = pty.openpty()
        self.addCleanup(os.close, ours)
        process = subprocess.Popen([PROGRAM, "chat", "-m", LLAMA, *SMALL, "-c", "256"], env=self.environment, stdin=theirs,
                                   stdout=subprocess.DEVNULL, stderr=theirs)
        os.close(theirs)
        self.addCleanup(process.kill)
        told = b""
        while not told.endswith(b"> "):
            told += os.read(ours, 4096)
        process.send_signal(signal.SIGINT)  # once: it would wait for the next line for ever
        self.assertEqual(process.wait(timeout=60), INTERRUPTED)


class Calibrates(Cli):
    def runtime(self):
        out, _ = self.run_it("plan", "-m", LLAMA, *SMALL, "--json")
        lines = [line for line in json.loads(out)["models"][0]["entries"] if line["stage"] == "runtime"]
        return {line["device"]: line["bytes"] for line in lines}, {line["source"] for line in lines}

    def test_what_it_measures_is_in_the_next_plan_until_it_is_forgotten(self):
        before, source = self.runtime()
        self.assertEqual(source, {"estimated"})
        out, _ = self.run_it("calibrate", "-m", LLAMA, *SMALL, "--json")
        said = json.loads(out)
        self.assertEqual(said["schema"], "plimsoll.calibration/1")
        self.assertTrue(said["complete"])
        self.assertTrue(said["warm_up"])
        self.assertEqual(self.runtime(), ({line["device"]: line["bytes"] for line in said["runtime"]}, MEASURED))
        _, err = self.run_it("calibrate", "--forget")
        self.assertIn("forgot", err)
        self.assertEqual(self.runtime(), (before, {"estimated"}))

    def test_the_table_tells_every_step_and_what_was_kept(self):
        out, _ = self.run_it("calibrate", "-m", LLAMA, *SMALL)
        self.assertRegex(out, r"(?m)^1 token +1 ")
        self.assertRegex(out, r"(?m)^sample +1 ")
        self.assertEqual(bool(re.search(r"runtime on CPU: .*, kept as a calibration", out)), bool(MEASURED), out)

    def test_a_refusal_measures_nothing(self):
        self.run_it("calibrate", "-m", LLAMA, *SMALL, "--budget", "CPU=64KiB", status=REFUSED)
        self.assertEqual(self.runtime()[1], {"estimated"})


class InterruptsOnVulkan(Cli):
    """A device cannot be stopped inside a micro-batch; Ctrl-C is heard after it."""

    DEVICE = ["-ngl", "99", "-c", "256", "-b", "16", "-ub", "16", "-t", "1"]  # few shapes

    def setUp(self):
        super().setUp()
        self.environment["MESA_SHADER_CACHE_DIR"] = str(self.path / "pipelines")

    def warming_up(self):
        """A program in the middle of its warm-up. Progress is told to terminals only, so it gets one."""
        ours, theirs = pty.openpty()
        self.addCleanup(os.close, ours)
        process = subprocess.Popen([PROGRAM, "generate", "-m", LLAMA, *self.DEVICE, "--tokens", "1", "-n", "1"], env=self.environment,
                                   stdout=subprocess.DEVNULL, stderr=theirs)
        os.close(theirs)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        told = b""
        while b"warming up" not in told:
            told += os.read(ours, 4096)
        # Somebody has to read on, or the program waits for its terminal.
        reader = threading.Thread(target=self.read_on, args=(ours,), daemon=True)
        reader.start()
        return process

    @staticmethod
    def read_on(terminal):
        try:
            while os.read(terminal, 4096):
                pass
        except OSError:  # closed at the other end
            pass

    def test_ctrl_c_during_warm_up_is_heard_after_the_micro_batch(self):
        # Every step of a warm-up with cold pipelines is one micro-batch or a few; the first compiles and takes longest.
        out, _ = self.run_it("calibrate", "-m", LLAMA, *self.DEVICE, "--json", timeout=300)
        longest = max(step["ms"] for step in json.loads(out)["warm_up"]) / 1000
        self.environment["MESA_SHADER_CACHE_DIR"] = str(self.path / "cold-pipelines")
        process = self.warming_up()
        # Three times, and a second for unloading, on every core.
        self.assertLess(self.computed_after_an_interrupt(process), (3 * longest + 1) * (os.cpu_count() or 1))

    def test_a_second_ctrl_c_ends_it_at_once(self):
        process = self.warming_up()
        process.send_signal(signal.SIGINT)
        while self.pending(process):  # two of the same that wait are delivered as one
            time.sleep(0.001)
        self.assertLess(self.computed_after_an_interrupt(process), os.cpu_count() or 1)

    def computed_after_an_interrupt(self, process):
        """Seconds of all cores that it still took: what else the machine does is not counted."""
        fields = pathlib.Path(f"/proc/{process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        before = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        process.send_signal(signal.SIGINT)
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        self.assertEqual(process.returncode, INTERRUPTED)
        return used.ru_utime + used.ru_stime - before

    @staticmethod
    def pending(process):
        status = pathlib.Path(f"/proc/{process.pid}/status").read_text()
        waiting = [int(line.split()[1], 16) for line in status.splitlines() if line.startswith(("SigPnd:", "ShdPnd:"))]
        return any(mask & 1 << (signal.SIGINT - 1) for mask in waiting)


class Embeds(Cli):
    QWEN = str(MODELS / "qwen3-dense.gguf")

    def embed(self, *arguments, **options):
        return self.run_it("embed", "-m", LLAMA, *SMALL, *arguments, **options)

    def test_a_vector_of_length_one_for_each_text(self):
        out, _ = self.embed("--tokens", "5,6,7", "--tokens", "8", "--pooling", "mean")
        vectors = [[float(number) for number in line.split()] for line in out.splitlines()]
        self.assertEqual([len(vector) for vector in vectors], [256, 256])
        for vector in vectors:
            self.assertAlmostEqual(sum(x * x for x in vector), 1, places=4)

    def test_the_json_follows_its_schema(self):
        out, _ = self.embed("--tokens", "5,6,7", "--tokens", "8", "--pooling", "none", "--embd-normalize", "-1", "--json")
        said = json.loads(out)
        self.assertEqual(said["schema"], "plimsoll.embeddings/1")
        self.assertEqual((said["pooling"], said["normalize"], said["width"]), ("none", -1, 256))
        self.assertEqual([(e["index"], e["tokens"], len(e["vectors"])) for e in said["embeddings"]], [(0, 3, 3), (1, 1, 1)])

    def test_texts_come_from_flags_a_file_or_stdin(self):
        texts = self.path / "texts"
        texts.write_text("a cat\n\na ship\n")
        from_file = self.embed("-f", texts, "--pooling", "mean")
        self.assertEqual(from_file, self.embed("-p", "a cat", "-p", "a ship", "--pooling", "mean"))
        self.assertEqual(from_file, self.embed("--pooling", "mean", input=texts.read_bytes()))
        self.assertEqual(from_file[0].count("\n"), 2)

    def test_what_does_not_fit_is_refused_by_name(self):
        out, err = self.embed("--tokens", ",".join(["7"] * 40), "--pooling", "mean", "--json", status=FAILED)
        error = json.loads(out)
        self.assertEqual((error["code"], error["numbers"]), ("context_overflow", {"needed": 40, "available": 32, "input": 0}))
        self.embed("--tokens", ",".join(["7"] * 40), "--pooling", "last")
        out, _ = self.embed("--tokens", "7", "--budget", "CPU=64KiB", "--json", status=REFUSED)
        self.assertEqual(json.loads(out)["verdict"], "refused")

    def test_what_means_nothing(self):
        for arguments in (["--pooling", "sum"], ["--pooling", "rank"], ["--embd-normalize", "5"], ["--tokens", "x"],
                          ["-f", "/nowhere"]):
            with self.subTest(arguments):
                self.embed(*arguments, status=USAGE)
        self.embed(input=b"\n", status=USAGE)

    def test_ranking_scores_pairs(self):
        rank = ["rerank", "-m", self.QWEN, *SMALL, "--tokens", "5,6,7", "--tokens", "8,9", "--tokens", "4,3,2,1"]
        out, _ = self.run_it(*rank)
        lines = [line.split("\t") for line in out.splitlines()]
        self.assertEqual([line[1] for line in lines], ["0", "1", "2"])
        best = max(lines, key=lambda line: float(line[0]))
        said = json.loads(self.run_it(*rank, "--top-n", 1, "--sigmoid", "--json")[0])
        self.assertEqual(said["schema"], "plimsoll.rerank/1")
        self.assertEqual([r["index"] for r in said["results"]], [int(best[1])])
        self.assertTrue(0 <= said["results"][0]["score"] <= 1)
        self.assertFalse(said["results"][0]["truncated"])

    def test_a_model_that_cannot_rank_says_so_before_it_is_loaded(self):
        _, err = self.run_it("rerank", "-m", LLAMA, *SMALL, "-q", "a", "-d", "b", status=USAGE)
        self.assertIn("classification head", err)
        self.run_it("rerank", "-m", self.QWEN, *SMALL, "-d", "b", status=USAGE)


class Tokenizes(Cli):
    def setUp(self):
        super().setUp()
        self.model = sorted((pathlib.Path(__file__).parents[2] / "models/demo").glob("*.gguf"))[0]

    def tokenize(self, *arguments, **options):
        return self.run_it("tokenize", "-m", self.model, *arguments, **options)

    def test_ids_come_back_as_the_text(self):
        out, _ = self.tokenize("-p", "Day 12. The ship", "--ids", "--no-bos")
        ids = out.strip().strip("[]").replace(" ", "")
        self.assertRegex(ids, r"^\d+(,\d+)*$")
        back, _ = self.tokenize("--detokenize", "--tokens", ids)
        self.assertEqual(back.strip(), "Day 12. The ship")

    def test_json_pieces_and_count(self):
        said = json.loads(self.tokenize("-p", "Day 12.", "--json")[0])
        self.assertEqual(said["schema"], "plimsoll.tokens/1")
        self.assertEqual(said["count"], len(said["tokens"]))
        self.assertIn("Day", "".join(t["piece"] for t in said["tokens"]))
        out, _ = self.tokenize("--show-count", input=b"Day 12.")
        self.assertIn(f"Total number of tokens: {said['count']}", out)
        self.assertEqual(len(out.splitlines()), said["count"] + 1)

    def test_what_means_nothing(self):
        for arguments in (["--detokenize"], ["--tokens", "1"], ["--detokenize", "--tokens", "99999999"],
                          ["--detokenize", "--tokens", "x"], ["-f", "/nowhere"]):
            with self.subTest(arguments):
                self.tokenize(*arguments, status=USAGE, input=b"")

    def test_a_file_that_cannot_be_used(self):
        bad = self.path / "bad.gguf"
        self.run_it("tokenize", "-m", bad, "-p", "a", status=UNUSABLE)
        bad.write_bytes(self.model.read_bytes()[:5000])
        self.run_it("tokenize", "-m", bad, "-p", "a", status=UNUSABLE)


class Quantizes(Cli):
    def test_the_new_file_runs_and_the_sizes_are_true(self):
        new = self.path / "new.gguf"
        dry = json.loads(self.run_it("quantize", "--dry-run", LLAMA, "q8_0", "--json")[0])
        said = json.loads(self.run_it("quantize", LLAMA, new, "q8_0", "--json")[0])
        self.assertEqual(said["schema"], "plimsoll.quantize/1")
        self.assertEqual(said["files"], [str(new)])
        self.assertEqual((dry["bytes_before"], dry["bytes_after"]), (said["bytes_before"], said["bytes_after"]))
        self.assertLess(said["bytes_after"], said["bytes_before"])
        self.assertGreaterEqual(new.stat().st_size, said["bytes_after"])
        self.run_it("generate", "-m", new, *SMALL, "--tokens", "1,2", "-n", "4")

    def test_nothing_is_replaced_unasked(self):
        new = self.path / "new.gguf"
        new.write_text("precious")
        _, err = self.run_it("quantize", LLAMA, new, "Q8_0", status=USAGE)
        self.assertIn("--force", err)
        self.assertEqual(new.read_text(), "precious")
        self.run_it("quantize", LLAMA, new, "Q8_0", "--force")
        self.assertEqual(new.read_bytes()[:4], b"GGUF")

    def test_what_means_nothing(self):
        new = self.path / "new.gguf"
        for arguments in ([LLAMA, new], [LLAMA, new, "Q4"], [LLAMA, new, "Q8_0", "--tensor-type", "attn"],
                          [LLAMA, new, "Q8_0", "--tensor-type", "((=q8_0"], [LLAMA, new, "Q8_0", "--override-kv", "a=b"],
                          [LLAMA, new, "Q8_0", "--output-tensor-type", "q9"], [LLAMA, new, "Q8_0", "--prune-layers", "x"],
                          [LLAMA, new, "IQ2_XXS"], []):
            with self.subTest(arguments):
                self.run_it("quantize", *arguments, status=USAGE)
        self.assertIn("Q4_K_M", self.run_it("quantize", LLAMA, new, "Q4", status=USAGE)[1])
        self.assertFalse(new.exists())

    def test_a_damaged_file(self):
        bad = self.path / "bad.gguf"
        bad.write_bytes(b"no model at all")
        self.run_it("quantize", bad, self.path / "new.gguf", "Q8_0", status=UNUSABLE)
        self.assertEqual([f.name for f in self.path.glob("new*")], [])

    def test_a_full_disk_leaves_nothing_behind(self):
        limit = lambda: (signal.signal(signal.SIGXFSZ, signal.SIG_IGN), resource.setrlimit(resource.RLIMIT_FSIZE, (100000, 100000)))
        self.run_it("quantize", LLAMA, self.path / "new.gguf", "Q8_0", status=FAILED, preexec_fn=limit)
        self.assertEqual([f.name for f in self.path.glob("new*")], [])


class Ps(Cli):
    def test_without_a_ledger_there_is_nobody(self):
        self.environment["PLIMSOLL_BROKER"] = str(self.path / "ledger")
        out, err = self.run_it("ps")
        self.assertEqual((out, err), ("no process stands in the machine's ledger\n", ""))
        out, _ = self.run_it("ps", "--json")
        self.assertEqual(json.loads(out), {"schema": "plimsoll.machine/1", "ledger": None, "processes": [], "damaged": 0})
        self.assertFalse((self.path / "ledger").exists())

    def test_turned_off_it_says_so(self):
        _, err = self.run_it("ps", status=FAILED)
        self.assertIn("turned off (PLIMSOLL_BROKER=off)", err)

    def test_what_is_no_ledger(self):
        self.environment["PLIMSOLL_BROKER"] = str(self.path / "ledger")
        (self.path / "ledger").write_bytes(b"nothing of ours" * 1000)
        out, _ = self.run_it("ps")
        self.assertIn("no process stands in", out)
        self.run_it("ps", "--interval", 0, status=USAGE)

    def test_a_program_that_works_is_shown_and_one_that_has_ended_is_not(self):
        self.environment["PLIMSOLL_BROKER"] = str(self.path / "ledger")
        self.run_it("generate", "-m", LLAMA, "--device", "none", "-c", 128, "-n", 2, "-p", "a")
        self.assertTrue((self.path / "ledger").exists())
        self.assertEqual(json.loads(self.run_it("ps", "--json")[0])["processes"], [])

    def test_watching_ends_with_control_c(self):
        self.environment["PLIMSOLL_BROKER"] = str(self.path / "ledger")
        running = subprocess.Popen([PROGRAM, "ps", "--watch", "--json", "--interval", "50"], stdout=subprocess.PIPE,
                                   env=self.environment, text=True)
        self.addCleanup(running.stdout.close)
        for _ in range(3):
            self.assertEqual(json.loads(running.stdout.readline())["processes"], [])
        running.send_signal(signal.SIGINT)
        self.assertEqual(running.wait(timeout=60), INTERRUPTED)


class Top(Cli):
    def setUp(self):
        super().setUp()
        self.fleet = self.path / "fleet.toml"
        model = '[[model]]\nname = "{}"\npath = "{}"\ndevice = "none"\nctx-size = 256\nbatch-size = 64\nubatch-size = 32\nthreads = 1\n'
        self.fleet.write_text('budgets = ["CPU=1GiB"]\n' + model.format("first", LLAMA) + "load-at-start = true\n" + model.format("second", LLAMA))

    def test_a_frame_is_a_screen_of_plain_text(self):
        out, err = self.run_it("top", "--fleet", self.fleet, "--frame")
        self.assertEqual(err, "")
        self.assertNotIn("\x1b", out)
        lines = out.splitlines()
        self.assertEqual(len(lines), 24)
        self.assertLessEqual(max(map(len, lines)), 80)
        self.assertRegex(out, r"> first +ready +0/1 +0 +\? +\? +0% +-? *[\d.]+[KMG]")
        self.assertRegex(out, r"  second +absent +0/1 +0 +\? +\? +0% +- +- +- +-\n")
        self.assertRegex(out, r"\nCPU +█.*of budget\n  budget 1.00 GiB is the bar|\nCPU +.*┃")
        self.assertIn("first: warming -> ready", out)

    def test_several_frames_have_rates(self):
        out, _ = self.run_it("top", "--fleet", self.fleet, "--frames", 2, "--interval", 50)
        frames = out.split("\n\nplimsoll top")
        self.assertEqual(len(frames), 2)
        self.assertRegex(frames[1], r"> first +ready +0/1 +0 +0\.0 ")

    def test_the_json_is_what_the_host_holds(self):
        out, _ = self.run_it("top", "--fleet", self.fleet, "--json")
        status = json.loads(out)
        self.assertEqual(status["schema"], "plimsoll.status/1")
        cpu = next(d for d in status["devices"] if d["device"] == "CPU")
        self.assertEqual(cpu["budget"], 1 << 30)
        self.assertEqual(cpu["headroom"], cpu["budget"] - cpu["committed"])
        first, second = status["models"]
        self.assertEqual((first["state"], second["state"]), ("ready", "absent"))
        self.assertEqual(first["loads"], 1)
        self.assertEqual((first["kv_cells"], first["kv_cells_used"], first["generated"], first["presets"]), (256, 0, 0, []))
        self.assertEqual(first["pace"], {"tokens_per_second": None, "prompt_tokens_per_second": None, "first_token_ms": None})
        self.assertEqual(first["seal"], {"allocations_after_seal": 0, "refused_after_seal": 0})
        cache = next(m for m in first["memory"] if m["stage"] == "kv_cache")
        self.assertEqual(cache["taken"], cache["planned"])
        owners = [*status["models"], *status["others"]]
        self.assertEqual(sum(m["taken"] for o in owners for m in o["memory"] if m["device"] == "CPU"), cpu["taken"])

    def test_what_means_nothing(self):
        _, err = self.run_it("top", "--fleet", self.fleet, status=USAGE, stdin=subprocess.DEVNULL)
        self.assertIn("--frame", err)
        self.run_it("top", "--frame", status=USAGE)
        self.run_it("top", "--fleet", self.path / "none.toml", "--frame", status=FAILED)
        self.run_it("top", "--fleet", self.fleet, "--frames", 0, status=USAGE)
        self.run_it("top", "--fleet", self.fleet, "--frame", "--budget", "CPU=much", status=USAGE)

    def on_a_terminal(self):
        """The program on a terminal of 80 x 24, and a function that waits for a text on it."""
        ours, its = pty.openpty()
        fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        running = subprocess.Popen([PROGRAM, "top", "--fleet", self.fleet, "--interval", "100"], stdin=its, stdout=its,
                                   stderr=subprocess.PIPE, env={**self.environment, "TERM": "xterm"})
        os.close(its)
        self.addCleanup(os.close, ours)
        self.addCleanup(running.stderr.close)
        self.addCleanup(running.kill)
        seen = bytearray()

        def await_text(words):
            end = time.monotonic() + 60
            while time.monotonic() < end:
                if select.select([ours], [], [], 0.1)[0]:
                    seen.extend(os.read(ours, 65536))
                if re.search(words, seen.decode(errors="replace")):
                    return
            self.fail(f"{words} did not appear in {seen[-4000:].decode(errors='replace')}")

        def drain():
            try:
                while select.select([ours], [], [], 0.1)[0] or running.poll() is None:
                    if select.select([ours], [], [], 0)[0] and not os.read(ours, 65536):
                        break
            except OSError:
                pass  # the other end is closed
            return running.wait(timeout=60)

        return ours, await_text, drain

    def test_keys(self):
        terminal, await_text, drain = self.on_a_terminal()
        await_text("first +ready")
        os.write(terminal, b"j")
        await_text("> second")
        os.write(terminal, b"l")
        await_text("'second' is ready")
        os.write(terminal, b"p")
        await_text(r">\* ?second")
        os.write(terminal, b"q")
        self.assertEqual(drain(), 0)

    def test_control_c_leaves(self):
        terminal, await_text, drain = self.on_a_terminal()
        await_text("first +ready")
        os.write(terminal, b"\x03")
        self.assertEqual(drain(), INTERRUPTED)


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]], verbosity=2)
