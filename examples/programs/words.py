"""Counts words, a line at a time; goes on from its last checkpoint."""

import json
import sys
import time

task = json.loads(sys.stdin.readline())
lines = task["parameters"]["text"].splitlines()
delay = task["parameters"].get("delay", 0)
state = task["state"] or {"line": 0, "counts": {}}
counts = state["counts"]


def say(**message):
    print(json.dumps(message), flush=True)


for number in range(state["line"], len(lines)):
    time.sleep(delay)
    for word in lines[number].lower().split():
        counts[word] = counts.get(word, 0) + 1
    say(progress={"current": number + 1, "total": len(lines)})
    say(checkpoint={"line": number + 1, "counts": counts})

say(result={"words": sum(counts.values()), "counts": counts})
