"""Broker: what a reservation and its release in the machine's ledger cost, alone and with 16 processes at once; 1,000 processes that
start, reserve, take and are killed under one card; and two servers under a budget for one model, asked in turns and at once."""
import concurrent.futures
import json
import re
import subprocess

from measure import PLIMSOLL, ROOT, Run, environment, figure, fresh_folder, median, program, say
from serving import Peer

LIMIT_ALONE_US, LIMIT_SIXTEEN_US = 20.0, 200.0
CLIENTS_OF_A_SERVER = 4


def random_processes(seed: int) -> dict:
    """The test itself says what crossed, and what was left over."""
    done = Run([program("broker_unit_tests"), "--gtest_filter=RandomProcessesTest.*", "--gtest_output=json:" + fresh_folder("broker") + "/said.json"],
               environment(PLIMSOLL_BROKER="off", PLIMSOLL_SEED=str(seed)), ok=(0, 1))
    return {"seed": seed, "passed": done.status == 0, "seconds": done.wall, "said": re.findall(r"Failure\n(.*?)\n\n", done.out, re.S)}


def two_servers(count: int) -> dict:
    """Requests in turns, and then from several clients of both at once: how many were not answered, and the longest waits."""
    models = [str(ROOT / f"models/demo/{name}.gguf") for name in ("mate-chat", "bosun-log")]
    shape = ["-c", "8192", "-np", "2", "-t", "1", "-dev", "none", "-ngl", "0", "--no-mmap"]

    def planned(model):
        said = subprocess.run([PLIMSOLL, "plan", "-m", model, *shape, "--json"], env=environment(PLIMSOLL_BROKER="off"), check=True, capture_output=True)
        return next(d["required"] for d in json.loads(said.stdout)["devices"] if d["device"] == "CPU")

    needs = [planned(model) for model in models]
    env = environment(PLIMSOLL_BROKER=fresh_folder("two-servers") + "/ledger")
    budget = ["--budget", f"CPU={max(needs) + min(needs) // 2},shared"]  # either of them, never both
    servers = [Peer([PLIMSOLL, "serve", model, *shape, *budget], env, name)
               for model, name in zip(models, ("mate-chat", "bosun-log"), strict=True)]

    def ask(server):
        try:
            return server.stream("/v1/completions", {"prompt": "Day 12.", "max_tokens": 8, "temperature": 0})["whole_s"]
        except (AssertionError, OSError, TypeError) as problem:
            return str(problem)

    try:
        in_turns = [ask(servers[i % 2]) for i in range(count)]
        with concurrent.futures.ThreadPoolExecutor(2 * CLIENTS_OF_A_SERVER) as clients:
            at_once = list(clients.map(lambda i: ask(servers[i % 2]), range(2 * count)))
    finally:
        for server in servers:
            server.end()
    return {"in_turns_s": in_turns, "at_once_s": at_once}


def measure(quick: bool):
    rounds, times = (500, 3) if quick else (5000, 9)
    runs = []
    for _ in range(times):
        runs.append(json.loads(Run([program("broker_overhead"), fresh_folder("ledger") + "/ledger", str(rounds)], environment()).out))
    alone, sixteen = median([one["alone_us"] for one in runs]), median([one["sixteen_us"] for one in runs])
    p99 = median([one["sixteen_p99_us"] for one in runs])
    random = [random_processes(seed) for seed in range(1, 2 if quick else 6)]
    broken = sum(not one["passed"] for one in random)
    figures = [
        figure("reserve and release, alone", alone, LIMIT_ALONE_US, "µs"),
        figure("reserve and release, 16 processes at once", sixteen, LIMIT_SIXTEEN_US, "µs", beside=f"99th percentile {p99:.0f} µs"),
        figure(f"runs of 1,000 random processes that crossed the card or left something over, of {len(random)}", broken, 0, ""),
    ]
    asked = two_servers(6 if quick else 40)
    answers = asked["in_turns_s"] + asked["at_once_s"]
    lost = [one for one in answers if isinstance(one, str)]
    waits = [one for one in answers if not isinstance(one, str)]
    longest = max(waits, default=0.0)
    say(f"  two servers under one budget: {len(waits)} answers, {len(lost)} lost, at most {longest:.1f} s")
    figures.append(figure(f"requests to two servers under a budget for one model that were not answered, of {len(answers)}", len(lost), 0, "",
                          beside=f"longest wait {longest:.1f} s"))
    return figures, {"runs": runs, "random_processes": random, "two_servers": asked}
