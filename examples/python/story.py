#!/usr/bin/env python3
"""A plan, its alternatives, a story and a chat: story.py MODEL"""
import sys

import plimsoll

path = sys.argv[1]
with plimsoll.Runtime(budgets=["CPU=40MiB"]) as runtime:
    print("tracker:", plimsoll.tracker_mode(), plimsoll.tracker_advice())
    wanted = {"n_ctx": 65536, "settings": 'device = "none"'}
    with runtime.plan(path, **wanted) as plan:
        try:
            plan.admit()
        except plimsoll.Error as refusal:
            overrides, cost = plan.alternatives()[0]
            print(f"{refusal.code}, {refusal.numbers['short_by']} bytes too much; instead: {cost}")
            wanted["overrides"] = overrides

    with runtime.open(path, **wanted) as model:
        for piece in model.generate("Day 12.", predict=60, temperature=0):
            print(piece, end="", flush=True)
        print()
        with model.chat(form="role_names") as chat:
            answer = chat.say("How is the wind?", predict=20, temperature=0).read()
            print("chat:", [message["role"] for message in chat.history()], len(answer) > 0)
        info = model.info()
        print("refused after the seal:", info["refused_after_seal"])
