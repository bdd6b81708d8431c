"""What the stand-in for Plimsoll's server shows: models that come and go, and numbers that change."""
import collections
import datetime
import json
import math
import random
import threading
import time

from mock_fleet import CELLS, DEVICES, FLEET, GIB, MIB, OTHERS, PRESETS, STAGE_ORDER, WAYS

HISTORY = 600
REPLAYED = 60
HELD = ("loading", "warming", "ready", "draining")


def stamp(seconds: float) -> str:
    at = datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc)
    return at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03d}Z"


class Model:
    def __init__(self, name: str):
        self.name = name
        self.compute_group, self.slots, self.plan = FLEET[name]
        self.state, self.pinned, self.since = "absent", False, time.time()
        self.taken = dict.fromkeys(self.plan, 0)
        self.peak = dict(self.taken)
        self.leases = self.waiting = self.tokens = self.loads = self.failures = self.evictions = self.refusals = 0
        self.load_ms = self.first_token_ms = 0.0
        self.generated = self.first_tokens = 0
        self.after_seal = 0

    def fill(self, share: float) -> None:
        for at, planned in self.plan.items():
            self.taken[at] = int(planned * share)
            self.peak[at] = max(self.peak[at], self.taken[at])


class World:
    """All state, under one lock."""

    def __init__(self):
        self.lock = threading.RLock()
        self.models = {name: Model(name) for name in FLEET}
        self.foreign = {name: about[3] for name, about in DEVICES.items()}
        self.lowest: dict[str, int] = {}
        self.history: collections.deque = collections.deque(maxlen=HISTORY)
        self.events: collections.deque = collections.deque(maxlen=REPLAYED)  # (number, event name, data)
        self.listeners = threading.Condition(self.lock)
        self.published = self.sequence = self.samples = 0
        self.alerts = dict.fromkeys(["threshold", "foreign", "drift", "seal", "low_water"], 0)
        self.begin()

    # What was before the page is opened: ten minutes of history, a model at work, a swapped out one.
    def begin(self) -> None:
        now = time.time()
        for name in ("bosun", "lookout"):
            model = self.models[name]
            model.loads, model.load_ms, model.tokens = 2, 5200.0, random.randrange(9_000, 90_000)
            model.fill(1)
            for step, state in enumerate(("loading", "warming", "ready")):
                self.move(model, state, "at start", now - 400 + step)
            model.state = "ready"
        self.models["bosun"].pinned = True
        log = self.models["sea \"log\" <b>&amp;/\\"]
        log.state, log.loads, log.load_ms, log.evictions, log.after_seal = "swapped", 1, 812.0, 1, 2
        self.move(log, "draining", "for 'lookout'", now - 402)
        self.move(log, "swapped", "for 'lookout'", now - 401)
        log.state = "swapped"
        for second in range(HISTORY):
            self.sway(now - HISTORY + second)
            devices = self.devices()
            if second < HISTORY - 400:
                devices[0]["committed"] = devices[0]["taken"] = 996 * MIB
                devices[1]["committed"] = devices[1]["taken"] = 1544 * MIB
            self.remember(now - HISTORY + second, devices)
        self.alert("low_water", "notice", "CUDA0", "", {"free": 8 * GIB, "before": 9 * GIB}, "CUDA0: 8.00 GiB are free, less than ever before (it was 9.00 GiB)")
        self.alert("seal", "warning", "", log.name, {"allocations_after_seal": 2, "refused_after_seal": 0},
                   f"'{log.name}' is sealed, and yet asked for memory: 2 allocations were let through inside its reservation, 0 were refused")

    def publish(self, name: str, data: dict) -> None:
        with self.listeners:
            self.published += 1
            self.events.append((self.published, name, json.dumps(data)))
            self.listeners.notify_all()

    def move(self, model: Model, state: str, why: str, at: float | None = None) -> None:
        at = at or time.time()
        self.sequence += 1
        self.publish("moved", {"sequence": self.sequence, "at": stamp(at), "kind": "moved", "model": model.name, "from": model.state,
                               "to": state, "bytes": sum(model.taken.values()), "ms": max(0.0, (at - model.since) * 1000), "why": why})
        model.state, model.since = state, at

    def refuse(self, model: Model, why: str) -> None:
        self.sequence += 1
        model.refusals += 1
        self.publish("refused", {"sequence": self.sequence, "at": stamp(time.time()), "kind": "refused", "model": model.name,
                                 "from": model.state, "to": model.state, "bytes": 0, "ms": 0.0, "why": why})

    def alert(self, kind: str, severity: str, device: str, model: str, numbers: dict, sentence: str) -> None:
        self.alerts[kind] += 1
        self.publish("alert", {"at": stamp(time.time()), "kind": kind, "severity": severity, "device": device, "model": model,
                               "sentence": sentence, "numbers": numbers})

    def sway(self, at: float) -> None:
        for number, (name, (_, _, _, held)) in enumerate(DEVICES.items()):
            if held is not None:
                self.foreign[name] = held + int(held * 0.3 * math.sin(at / (40 + 13 * number))) // 4096 * 4096

    def devices(self) -> list[dict]:
        out = []
        for name, (description, total, budget, _) in DEVICES.items():
            taken = sum(n for owner in OTHERS.values() for (device, _), n in owner.items() if device == name)
            committed = taken
            for model in self.models.values():
                ours = sum(n for (device, _), n in model.taken.items() if device == name)
                plan = sum(n for (device, _), n in model.plan.items() if device == name)
                taken += ours
                committed += max(ours, plan if model.state in HELD else 0)
            device = {"device": name, "description": description, "memory_is_hosts": name == "CPU", "source": "nvml+ggml", "total": total,
                      "free": None, "lowest_free": None, "budget": budget, "reserved": committed, "taken": taken, "committed": committed,
                      "headroom": None if budget is None else max(0, budget - committed), "process": None, "foreign": None}
            if total is None:
                device["source"] = None
            else:
                process = taken + 287 * MIB if name != "Vulkan1" else None  # the driver's own; no probe tells it there
                device.update(process=process, foreign=self.foreign[name], free=total - (process or taken) - self.foreign[name])
                self.lowest[name] = min(self.lowest.get(name, total), device["free"])
                device["lowest_free"] = self.lowest[name]
            out.append(device)
        return out

    def remember(self, at: float, devices: list[dict]) -> None:
        kept = ("device", "taken", "committed", "free", "foreign", "budget")
        self.history.append({"at": stamp(at), "devices": [{key: device[key] for key in kept} for device in devices]})

    def beat(self) -> None:  # once a second
        with self.lock:
            self.samples += 1
            self.sway(time.time())
            for model in self.models.values():
                if model.state == "ready" and model.name == "bosun":
                    model.leases = 1 + self.samples // 7 % 3
                    model.waiting = 0 if self.samples % 20 else 2
                    model.tokens += 31 * model.leases
                    model.generated += 30 * model.leases
                    model.first_tokens += 1
                    model.first_token_ms += 180.0
            self.remember(time.time(), self.devices())

    def pace(self, model: Model) -> dict:
        if model.first_tokens == 0:
            return {"tokens_per_second": 0.0, "prompt_tokens_per_second": 0.0, "first_token_ms": None}
        return {"tokens_per_second": 30.0 * model.leases, "prompt_tokens_per_second": 1.0 * model.leases, "first_token_ms": model.first_token_ms / model.first_tokens}

    def plan(self, asked: dict) -> dict:
        needed = WAYS[0]["required"]["CUDA0"] if "ctx-size" in asked else WAYS[1]["required"]["CUDA0"]
        held = next(d["committed"] for d in self.devices() if d["device"] == "CUDA0")
        short = max(0, held + needed - DEVICES["CUDA0"][2])
        entries = [{"device": "CUDA0", "buffer": "CUDA0", "stage": "weights", "bytes": needed - 2 * GIB, "source": "exact"},
                   {"device": "CUDA0", "buffer": "CUDA0", "stage": "kv_cache", "bytes": GIB, "source": "exact"},
                   {"device": "CUDA0", "buffer": "CUDA_Host", "stage": "kv_cache", "bytes": GIB, "source": "exact"}]
        return {"schema": "plimsoll.plan/1", "verdict": "refused" if short else "fits", "models": [{"name": asked["model"], "entries": entries}],
                "devices": [{"device": "CUDA0", "budget": DEVICES["CUDA0"][2], "free": DEVICES["CUDA0"][1] - held, "ours": held, "required": needed,
                             "short_by": short, "limit": "budget" if short else None, "fits": not short}], "alternatives": []}

    def status(self) -> dict:
        with self.lock:
            def memory(plan: dict, taken: dict, peak: dict) -> list[dict]:
                order = sorted(plan, key=lambda at: (at[0], STAGE_ORDER.index(at[1])))
                return [{"device": d, "stage": s, "planned": plan[d, s], "taken": taken[d, s], "peak": peak[d, s]} for d, s in order]

            models = [{"name": m.name, "compute_group": m.compute_group, "state": m.state, "pinned": m.pinned, "slots": m.slots, "leases": m.leases,
                       "waiting": m.waiting, "tokens": m.tokens, "generated": m.generated, "first_tokens": m.first_tokens,
                       "first_token_ms": m.first_token_ms, "pace": self.pace(m), "kv_cells": CELLS.get(m.name),
                       "kv_cells_used": (CELLS[m.name] // 16 if m.state == "ready" else 0) if m.name in CELLS else None,
                       "presets": PRESETS.get(m.name, []), "loads": m.loads, "load_failures": m.failures, "load_ms": m.load_ms,
                       "evictions": m.evictions, "refusals": m.refusals,
                       "seal": {"allocations_after_seal": m.after_seal, "refused_after_seal": 0}, "memory": memory(m.plan, m.taken, m.peak),
                       "mapped": {"CPU": 4683 * MIB} if m.name == "mate" and m.state == "ready" else {}} for m in self.models.values()]
            others = [{"name": name, "seal": {"allocations_after_seal": 0, "refused_after_seal": 0},
                       "memory": memory(held, held, held), "mapped": {}}
                      for name, held in OTHERS.items()]
            return {"schema": "plimsoll.status/1", "at": stamp(time.time()), "waiting": sum(m.waiting for m in self.models.values()),
                    "swap": {"conversations": 2, "memory": 18 * MIB, "disk": 5 * MIB}, "kept_weights": 0,
                    "reloads": {"applied": 0, "refused": 0, "last_was_applied": True, "last_applied": None}, "events_dropped": 0, "samples": self.samples,
                    "alerts": dict(self.alerts), "devices": self.devices(), "models": models, "others": others}

    def machine(self) -> dict:
        """This server, a guarded program in a container, and one that has just died."""
        with self.lock:
            card = next(d for d in self.devices() if d["device"] == "CUDA0")
            own = {"memory": "0000:c1:00.0", "reserved": card["committed"], "taken": card["taken"]}
            models = [{"name": m.name, "state": "ready" if m.state == "ready" else "loading", "may_go": not m.pinned, "priority": 0,
                       "idle_ms": 83_000 if m.state == "ready" else None, "reload_ms": 5200, "process": None, "restarts": 0,
                       "memories": [{"memory": "0000:c1:00.0", "reserved": sum(m.plan.values()), "taken": sum(m.taken.values())}]}
                      for m in self.models.values() if m.state in HELD]
        key = {"device": "CUDA0 a card"}
        process = {"pid_is_of_another_namespace": False, "alive": True, "age_ms": 400_000, "models": [], "models_left_out": 0}
        return {"schema": "plimsoll.machine/1", "ledger": "/dev/shm/plimsoll-1000", "damaged": 0, "processes": [
            {**process, "pid": 4711, "program": "serve", "memories": [{**key, **own}], "models": models},
            {**process, "pid": 12, "pid_is_of_another_namespace": True, "program": "guard: dotnet <b>", "models_left_out": 1,
             "memories": [{**key, "memory": "0000:c1:00.0", "reserved": 3 * GIB, "taken": 2 * GIB}],
             "models": [{"name": "bosun-log", "state": "busy", "may_go": False, "priority": 0, "idle_ms": None, "reload_ms": 0, "process": 4713, "restarts": 1,
                         "memories": [{"memory": "0000:c1:00.0", "reserved": 3 * GIB, "taken": 2 * GIB}]}]},
            {**process, "pid": 13, "alive": False, "program": "generate", "memories": [{"device": "host", "memory": "host", "reserved": 0, "taken": MIB}]}]}

    # As the host does it: all memory is reserved first, then placed; then every shape is driven.
    def load(self, name: str) -> str | None:
        model = self.models[name]
        with self.lock:
            if model.state in HELD:
                return None
            for device, (_, _, budget, _) in DEVICES.items():
                need = sum(n for (d, _), n in model.plan.items() if d == device)
                committed = next(d["committed"] for d in self.devices() if d["device"] == device)
                if budget is not None and committed + need > budget:
                    why = (f"'{name}' needs {need / GIB:.1f} GiB on {device}; within the budget's {budget / GIB:.1f} GiB "
                           f"{max(0, budget - committed) / GIB:.1f} GiB are left")
                    self.refuse(model, why)
                    return why
            self.move(model, "loading", "asked for")
        begin = time.time()
        for step in range(1, 9):
            time.sleep(0.1)
            with self.lock:
                model.fill(step / 8)
        with self.lock:
            self.move(model, "warming", "")
        time.sleep(0.5)
        with self.lock:
            model.loads += 1
            model.load_ms += (time.time() - begin) * 1000
            self.move(model, "ready", "")
        return None

    def unload(self, name: str) -> None:
        model = self.models[name]
        with self.lock:
            if model.state != "ready":
                return
            self.move(model, "draining", "asked for")
        time.sleep(0.4)
        with self.lock:
            model.fill(0)
            model.leases = model.waiting = 0
            self.move(model, "swapped", "asked for")
