#!/usr/bin/env python3
"""A warehouse as a world for grasp: `env.kind: exec`, protocol 1 (README.md beside this file).

The agent looks items up and answers questions about them. The house has conventions (numbers
rounded to one decimal and bare, dates in ISO form, `unknown` for what is not on record, nothing
answered from memory); keeping them is what there is to learn.

Standard library only. Requests come on stdin, answers go to stdout, one JSON object a line;
print() for debugging belongs on stderr.
"""
import datetime
import json
import os
import re
import sys

HERE = os.path.dirname(os.path.abspath(__file__))

API = {
    "functions": [
        {"form": "LOOKUP <item>", "does": "shows the record of an item as JSON"},
        {"form": "ANSWER <value>", "does": "answers the question and ends the task"},
    ],
    "conventions": [
        "An item is looked up in the same task before its question is answered.",
        "Numbers are answered bare, without their unit, rounded to one decimal.",
        "Dates are answered in ISO 8601 form (YYYY-MM-DD); the records hold another one.",
        "For an item that is not on record the answer is `unknown`.",
    ],
}
RESPONSE_FORMAT = ("Reply with exactly one action on one line and nothing else: LOOKUP item, or, "
                   "once the answer is known, ANSWER value.")


def load_stock():
    with open(os.path.join(HERE, "stock.json"), encoding="utf-8") as f:
        return {record["item"]: record for record in json.load(f)}


def expected_answer(record, field):
    """What the conventions make of a field: a number, or a text."""
    if record is None:
        return "unknown"
    value = record[field]
    if isinstance(value, (int, float)):
        return float("%.1f" % value)
    try:
        return datetime.datetime.strptime(value, "%d %B %Y").date().isoformat()
    except ValueError:
        return value


def as_number(text):
    try:
        return float(text)
    except ValueError:
        return None


def judge(answer, record, field):
    """(correct, reason, tags): the tags tell the writer of skills what kind of mistake it was."""
    want = expected_answer(record, field)
    if answer == want:
        return True, "ok", []
    number = as_number(answer)
    words = len(answer.split())
    if isinstance(want, float):
        if number == want:
            return True, "ok", []
        if number is not None and abs(number - record[field]) < 0.05:
            return False, "the number is not rounded to one decimal", ["number_not_rounded"]
        if re.match(r"^-?[0-9.]+ *[^0-9.]+$", answer) and words <= 3:
            return False, "the answer carries a unit", ["answer_carries_unit"]
    if words > 4:
        return False, "the answer is a sentence", ["answer_is_sentence"]
    if want == "unknown":
        return False, "not `unknown` for an item that is not on record", ["missing_not_as_agreed"]
    if record is not None and answer == record[field]:
        return False, "the date is not in ISO form", ["date_not_iso"]
    kind = "text" if number is None else "number"
    return False, "a %s, but another one than the record has" % kind, ["wrong_value"]


class Episode:
    """One task on its way."""

    def __init__(self, task, stock):
        self.item, self.field, self.stock = task["item"], task["field"], stock
        self.looked_up = set()

    def step(self, reply):
        action = re.fullmatch(r"\s*(LOOKUP|ANSWER)\s+(.*?)\s*", reply, re.DOTALL)
        if not action or "\n" in action[2]:
            return {"invalid": "neither LOOKUP nor ANSWER, on one line"}
        verb, what = action.groups()
        if verb == "ANSWER":
            return {"done": True, "answer": what, "action": "ANSWER " + what}
        self.looked_up.add(what)
        record = self.stock.get(what, {"error": "no such item"})
        return {"observation": record, "action": "LOOKUP " + what}

    def grade(self, answer):
        if answer is None:
            return {"correct": False, "reason": "no answer"}
        if self.item not in self.looked_up:
            return {"correct": False, "reason": "answered without looking the item up",
                    "tags": ["answered_without_lookup"]}
        correct, reason, tags = judge(answer, self.stock.get(self.item), self.field)
        return {"correct": correct, "reason": reason, "tags": tags}


class World:
    def __init__(self):
        self.stock = load_stock()
        self.episodes = {}

    def answer(self, request):
        op, episode = request["op"], request.get("episode")
        if op == "hello":
            if request["protocol"] != 1:
                raise SystemExit("this world speaks protocol 1, not %s" % request["protocol"])
            return {"protocol": 1, "name": "warehouse", "episodes": 64}
        if op == "start":
            self.episodes[episode] = Episode(request["task"], self.stock)
            return {"api": API, "response_format": RESPONSE_FORMAT}
        if op == "step":
            return self.episodes[episode].step(request["reply"])
        if op == "grade":
            return self.episodes[episode].grade(request["answer"])
        if op == "end":
            self.episodes.pop(episode, None)
        return None  # `end`, and what a later version may add without an id, is not answered


def main():
    world = World()
    for line in sys.stdin:
        request = json.loads(line)
        answer = world.answer(request)
        if answer is not None:
            answer["id"] = request["id"]
            print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
