#!/usr/bin/env python3
"""What the command line takes, and what it plans and refuses. cli_plans_test.py PROGRAM MODELS_DIR [unittest arguments]"""
import json
import os
import pathlib
import re
import shutil
import struct
import subprocess
import sys
import threading
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from cli_case import BOSUN, LLAMA, MATE, MODELS, PROGRAM, REFUSED, SMALL, UNUSABLE, USAGE, Cli, obey_permissions  # noqa: E402


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

    def test_files_and_folders_may_be_named_without_a_flag(self):
        small = ["-dev", "none", "-c", 512, "-t", 1, "--json"]
        named = json.loads(self.run_it("plan", "-m", BOSUN, "-m", MATE, *small)[0])["models"]
        plain = json.loads(self.run_it("plan", BOSUN, "-m", MATE, *small)[0])["models"]
        self.assertEqual(sorted(m["name"] for m in plain), sorted(m["name"] for m in named))
        alone = json.loads(self.run_it("plan", BOSUN, *small)[0])["models"]
        self.assertEqual([m["entries"] for m in alone], [m["entries"] for m in named if m["name"] == "bosun-log"])
        fleet = json.loads(self.run_it("plan", str(pathlib.Path(BOSUN).parent), *small)[0])
        self.assertEqual(sorted(m["name"] for m in fleet["models"]), ["bosun-log", "mate-chat"])
        self.assertIn("there is no such file", self.run_it("plan", "nowhere.gguf", *small, status=UNUSABLE)[1])

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

    def test_a_budget_above_the_device_is_lowered_with_a_warning(self):
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

    def test_what_is_unknown_in_the_configuration_file_is_named_with_the_file(self):
        file = self.path / "config/plimsoll/config.toml"
        file.parent.mkdir(parents=True)
        for text, unknown in (("[plan]\ncontext-size = 768\n", "key 'plan.context-size'"), ('line = ["CPU=1GiB"]\n', "key 'line'"),
                              ("[plans]\nctx-size = 768\n", "section 'plans'")):
            file.write_text(text)
            _, err = self.run_it("plan", "-m", LLAMA, status=USAGE)
            self.assertIn(f"the configuration file '{file}' has an unknown {unknown}", err)


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

    def test_a_models_file_may_stand_alone(self):
        short = ["-p", "Day 12.", "-n", 4, "--temp", 0, *SMALL]
        self.assertEqual(self.run_it("generate", BOSUN, *short)[0], self.run_it("generate", "-m", BOSUN, *short)[0])
        self.assertEqual(self.run_it("tokenize", BOSUN, "-p", "Day")[0], self.run_it("tokenize", "-m", BOSUN, "-p", "Day")[0])
        for command in ("generate", "chat", "bench", "embed", "rerank", "calibrate", "tokenize"):
            _, err = self.run_it(command, "Day 12.", status=USAGE)
            self.assertIn("'Day 12.' is no model's file (.gguf)", err)

    def test_help_and_version_as_words(self):
        self.assertEqual(self.run_it("help", "plan")[0], self.run_it("plan", "--help")[0])
        self.assertEqual(self.run_it("help")[0], self.run_it("--help")[0])
        self.assertEqual(self.run_it("version")[0], self.run_it("--version")[0])

    def test_an_unknown_subcommand_says_what_is_near(self):
        for written, near in (("genrate", "generate"), ("server", "serve"), ("paln", "plan")):
            _, err = self.run_it(written, "-m", BOSUN, status=USAGE)
            self.assertIn(f"there is no subcommand '{written}'; did you mean '{near}'?", err)
        _, err = self.run_it("run", BOSUN, status=USAGE)
        self.assertIn("there is no subcommand 'run'; did you mean 'chat'?", err)
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
        self.assertIn("  Chat: bosun-log: its chat template teaches calls in a form that is not read here",
                      self.run_it(*plan, "--chat-template", "{{ messages[0].content }}{{ tools }}")[0])
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


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]], verbosity=2)
