"""A gRPC client that finds its services by xDS, as a process for the tests.

Each line of standard input is a command in JSON, each line of standard output its answer. What became of calls is told as
{"versions": {"v1": 9, "v2": 1}, "failures": {"UNAVAILABLE: why": 1}}, counting by who answered and by what went wrong.

    {"do": "call", "target": "xds:///checkout", "calls": 10, "headers": {}, "within": 10.0}   calls, one after another, to the first failure
    {"do": "load", "target": "xds:///checkout", "rate": 200}   calls from now on, so many a second
    {"do": "totals"}                                           what became of them so far
    {"do": "stop"}                                             no more of them; what became of all

With `within`, calls wait for their service, that many seconds; without it, and under a load, they fail when it is not there. The
end of standard input ends the process.
"""

import collections
import json
import os
import sys
import threading
import time

import grpc

METHOD = "/tidegate.test.Who/Ask"
# Ends a call that hangs, and is no measure of speed.
WITHIN = 20.0


def read_name(message):
    """The text of a google.protobuf.StringValue that is shorter than 128 bytes."""
    return message[2:].decode()


class Totals:
    """What became of calls."""

    def __init__(self):
        self.lock = threading.Lock()
        self.versions = collections.Counter()
        self.failures = collections.Counter()

    def record(self, call):
        """Takes in a call that has ended."""
        with self.lock:
            if call.code() is grpc.StatusCode.OK:
                self.versions[call.result()] += 1
            else:
                self.failures[f"{call.code().name}: {call.details()}"] += 1

    def told(self):
        with self.lock:
            return {"versions": dict(self.versions), "failures": dict(self.failures)}


class Load:
    """Calls at a pace that no slow answer changes."""

    def __init__(self, ask, rate):
        self.ask = ask
        self.pause = 1.0 / rate
        self.totals = Totals()
        self.stopped = threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        calls = []
        due = time.monotonic()
        while not self.stopped.wait(max(0.0, due - time.monotonic())):
            due += self.pause
            calls = [call for call in calls if not call.done()]
            call = self.ask.future(b"", timeout=WITHIN)
            call.add_done_callback(self.totals.record)
            calls.append(call)
        for call in calls:
            call.exception()

    def stop(self):
        """Ends when every call has."""
        self.stopped.set()
        self.thread.join()
        return self.totals.told()


class Client:
    """The channels of this process, one a target, and its load."""

    def __init__(self):
        self.channels = {}
        self.running = None

    def ask(self, target):
        """The method of the service at that target."""
        if target not in self.channels:
            self.channels[target] = grpc.insecure_channel(target)
        return self.channels[target].unary_unary(METHOD, response_deserializer=read_name)

    def call(self, target, calls, headers, within):
        ask, totals = self.ask(target), Totals()
        for _ in range(calls):
            call = ask.future(
                b"",
                timeout=WITHIN if within is None else within,
                metadata=list(headers.items()),
                wait_for_ready=within is not None,
            )
            failed = call.exception()
            totals.record(call)
            if failed:
                break
        return totals.told()

    def load(self, target, rate):
        self.running = Load(self.ask(target), rate)
        return {}

    def totals(self):
        return self.running.totals.told()

    def stop(self):
        return self.running.stop()


def main():
    client = Client()
    for line in sys.stdin:
        command = json.loads(line)
        answer = getattr(client, command.pop("do"))(**command)
        print(json.dumps(answer), flush=True)
    # Calls and channels are not waited for.
    os._exit(0)


main()
