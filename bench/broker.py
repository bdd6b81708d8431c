"""Broker: what a reservation and its release in the machine's ledger cost, alone and with 16 processes at once; and 1,000 processes that
start, reserve, take and are killed under one card."""
import json
import re

from measure import Run, environment, figure, fresh_folder, median, program

LIMIT_ALONE_US, LIMIT_SIXTEEN_US = 20.0, 200.0


def random_processes(seed: int) -> dict:
    """The test itself says what crossed, and what was left over."""
    done = Run([program("broker_unit_tests"), "--gtest_filter=RandomProcessesTest.*", "--gtest_output=json:" + fresh_folder("broker") + "/said.json"],
               environment(PLIMSOLL_BROKER="off", PLIMSOLL_SEED=str(seed)), ok=(0, 1))
    return {"seed": seed, "passed": done.status == 0, "seconds": done.wall, "said": re.findall(r"Failure\n(.*?)\n\n", done.out, re.S)}


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
    return figures, {"runs": runs, "random_processes": random}
