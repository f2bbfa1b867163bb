"""One host of `npm run bench:hosts`: wasmtime, by its Python package. The same orders and answers as node-host.mjs, which explains them."""

import ctypes
import hashlib
import importlib.metadata
import json
import os
import sys
import time

import wasmtime

ENGINE = wasmtime.Engine()
modules = {}
files = {}
engines = {}
plan = {}
folder = ""


def check(what, result, expected):
    if result != expected:
        raise RuntimeError(f"{what} gave {result}, expected {expected}")
    return result


def module_of(file):
    if file not in modules:
        modules[file] = wasmtime.Module.from_file(ENGINE, file)
    return modules[file]


def bytes_of(file):
    if file not in files:
        with open(os.path.join(folder, file), "rb") as opened:
            files[file] = opened.read()
    return files[file]


class Subject:
    def __init__(self, config):
        self.store = wasmtime.Store(ENGINE)
        instance = wasmtime.Instance(self.store, module_of(plan["files"]["engine"]), [])
        self.exports = instance.exports(self.store)
        self.memory = self.exports["memory"]
        self.put(self.call("configAt"), config)
        check("configure", self.call("configure"), 0)
        self.arena = self.call("regionAt", plan["regions"]["arena"]) & 0xFFFFFFFF
        policy = bytes_of(plan["files"]["policy"])
        self.put(self.arena, policy)
        check("loadPolicy", self.call("loadPolicy", 0, len(policy)), 0)
        driver = module_of(plan["files"]["driver"])
        wanted = {"memory": self.memory, "process": self.exports["process"], "advance": self.exports["advance"]}
        imports = [wanted[item.name] for item in driver.imports]
        self.driver = wasmtime.Instance(self.store, driver, imports).exports(self.store)
        records = self.call("regionAt", plan["regions"]["frames"])
        times = [signed(plan["startLow"]), signed(plan["startHigh"])]
        self.driver["attach"](self.store, records, plan["batch"], plan["frameBytes"], *times)
        for step in plan["establish"]:
            self.restore(step)
            self.run(0, step["count"])

    def call(self, name, *args):
        return self.exports[name](self.store, *args)

    def address(self):
        return ctypes.addressof(self.memory.data_ptr(self.store).contents)

    def put(self, at, data):
        ctypes.memmove(self.address() + at, data, len(data))

    def get(self, at, size):
        return ctypes.string_at(self.address() + at, size)

    def restore(self, step):
        if step.get("forgets"):
            check("forget", self.driver["forget"](self.store), 0)
        self.put(self.arena, bytes_of(step["file"]))
        self.driver["describe"](self.store, step["hook"])

    def run(self, first, count):
        return check("pass", self.driver["pass"](self.store, first, count), count)

    def outcome(self, step):
        verdicts_at = self.call("regionAt", plan["regions"]["verdicts"]) & 0xFFFFFFFF
        verdicts = hashlib.sha256()
        self.restore(step)
        for first in range(0, step["count"], plan["batch"]):
            count = self.run(first, min(plan["batch"], step["count"] - first))
            verdicts.update(self.get(verdicts_at, count * plan["verdictSize"]))
        frames = self.get(self.arena, step["count"] * plan["frameBytes"])
        return {"verdicts": verdicts.hexdigest(), "frames": hashlib.sha256(frames).hexdigest()}


def signed(value):
    return value - (1 << 32) if value >= 1 << 31 else value


def start(order):
    global plan, folder
    folder = os.path.dirname(order["plan"])
    with open(order["plan"], encoding="utf8") as opened:
        plan = json.load(opened)
    engines[order["touch"]] = Subject(bytes_of(plan["configs"][order["touch"]]))
    return {"host": f"wasmtime {importlib.metadata.version('wasmtime')}", "compiler": "Cranelift"}


def outcome(order):
    return engines[order["touch"]].outcome(plan["works"][order["work"]])


def block(order):
    subject = engines[order["touch"]]
    step = plan["works"][order["work"]]
    spent = 0
    frames = 0
    while spent < order["ms"] * 1_000_000:
        subject.restore(step)
        begun = time.process_time_ns()
        frames += subject.run(0, step["count"])
        spent += time.process_time_ns() - begun
    return {"ns": spent / frames}


ORDERS = {"start": start, "outcome": outcome, "block": block}

for line in sys.stdin:
    asked = json.loads(line)
    print(json.dumps(ORDERS[asked["order"]](asked)), flush=True)
