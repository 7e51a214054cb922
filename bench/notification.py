#!/usr/bin/env python3
"""Load for a running notification-controller; see notification.sh."""

import argparse
import hashlib
import http.client
import json
import socket
import subprocess
import sys
import threading
import time


def memory(pid):
    """Resident memory in MiB: now, and at most."""
    fields = {}
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        for line in status:
            name, _, value = line.partition(":")
            fields[name] = value.split()
    return [int(fields[name][0]) / 1024 for name in ("VmRSS", "VmHWM")]


class Sink:
    """Takes everything at once, and counts the messages by what they say."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.url = "http://127.0.0.1:%d/" % self.listener.getsockname()[1]
        self.messages, self.lock = set(), threading.Lock()
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            connection, _ = self.listener.accept()
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        stream = connection.makefile("rb")
        while stream.readline():
            length = 0
            while (line := stream.readline()) not in (b"\r\n", b""):
                name, _, value = line.partition(b":")
                if name.lower() == b"content-length":
                    length = int(value)
            message = json.loads(stream.read(length))["message"]
            with self.lock:
                self.messages.add(message)
            connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")

    def count(self):
        with self.lock:
            return len(self.messages)


def event(number):
    return json.dumps({
        "involvedObject": {
            "apiVersion": "kustomize.toolkit.fluxcd.io/v1", "kind": "Kustomization", "name": f"app-{number % 200}",
            "namespace": "default", "uid": "1",
        },
        "severity": "info", "timestamp": "2026-11-24T10:00:00Z", "reason": "ReconciliationSucceeded",
        "message": f"{number} " + "x" * 400, "reportingController": "kustomize-controller",
    })


def post(address, body, path="/", headers=None, connection=None):
    headers = {"content-type": "application/json", **(headers or {})}
    if connection:
        try:
            return exchange(connection, path, body, headers), connection
        except (ConnectionError, http.client.HTTPException):
            # Who is refused before the body is read loses the connection.
            connection.close()
    connection = http.client.HTTPConnection(address)
    return exchange(connection, path, body, headers), connection


def exchange(connection, path, body, headers):
    connection.request("POST", path, body, headers)
    answer = connection.getresponse()
    answer.read()
    return answer.status


def apply(sluice, *arguments):
    subprocess.run([sluice, "create", *arguments, "-n", "default"], check=True, stderr=subprocess.DEVNULL)


def wait_until(what, check, patience=300):
    end = time.monotonic() + patience
    while not check():
        if time.monotonic() > end:
            sys.exit(f"waited {patience} s for {what}")
        time.sleep(0.05)


def listens(address):
    try:
        host, port = address.rsplit(":", 1)
        socket.create_connection((host, int(port)), 1).close()
        return True
    except OSError:
        return False


def flood(arguments, sink):
    """Posts at the rate that is wanted; returns what was accepted and the latencies."""
    senders, times, accepted = 4, [], [0] * 4

    def run(which):
        connection, begun = None, time.monotonic()
        for number in range(which, arguments.seconds * arguments.rate, senders):
            due = begun + number / arguments.rate
            time.sleep(max(0, due - time.monotonic()))
            sent = time.monotonic()
            status, connection = post(arguments.events, event(number), connection=connection)
            times.append(time.monotonic() - sent)
            accepted[which] += status == 202

    threads = [threading.Thread(target=run, args=(which,)) for which in range(senders)]
    begun = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(accepted), sorted(times), time.monotonic() - begun


def main():
    parser = argparse.ArgumentParser()
    for name in ("sluice", "events", "webhooks"):
        parser.add_argument(f"--{name}", required=True)
    for name in ("pid", "seconds", "rate"):
        parser.add_argument(f"--{name}", type=int, required=True)
    arguments = parser.parse_args()
    sink = Sink()
    wait_until("the controller", lambda: listens(arguments.webhooks))
    apply(arguments.sluice, "alert-provider", "sink", "--type", "generic", "--address", sink.url)
    apply(arguments.sluice, "alert", "sink", "--provider-ref", "sink", "--event-source", "Kustomization/*")
    # Until the controller knows them.
    number = [0]

    def arrives():
        number[0] -= 1
        post(arguments.events, event(number[0]))
        return sink.count() > 0

    wait_until("the first delivery", arrives)
    time.sleep(1)
    first, before = sink.count(), memory(arguments.pid)[0]
    accepted, times, took = flood(arguments, sink)
    ended, during = time.monotonic(), memory(arguments.pid)[1]
    wait_until("the deliveries", lambda: sink.count() - first >= accepted)
    behind = time.monotonic() - ended
    now, most = memory(arguments.pid)
    at = lambda share: times[int(share * (len(times) - 1))] * 1000
    print(f"events: {accepted} of {len(times)} accepted in {took:.1f} s ({len(times) / took:.0f}/s), the last delivered {behind:.1f} s later")
    print(f"answers: median {at(0.5):.2f} ms, 99% {at(0.99):.2f} ms, slowest {at(1):.1f} ms")
    print(f"memory: {before:.0f} MiB before, {during:.0f} MiB at most during, {most:.0f} MiB at most, {now:.0f} MiB after")

    apply(arguments.sluice, "secret", "receiver", "token", "--type", "generic-hmac", "--token", "webhook-token")
    apply(arguments.sluice, "receiver", "hook", "--type", "generic-hmac", "--secret-ref", "token",
          "--resource", "GitRepository/none")
    path = "/hook/" + hashlib.sha256(b"webhook-tokenhookdefault").hexdigest()
    before, connection, times = memory(arguments.pid)[0], None, []
    for number in range(10_000):
        sent = time.monotonic()
        status, connection = post(arguments.webhooks, "{}", path if number % 2 else f"/hook/{number}",
                                  {"x-signature": "sha256=00"}, connection)
        times.append(time.monotonic() - sent)
        assert status in (400, 404), status
    first, last = sorted(times[:1000])[500] * 1000, sorted(times[-1000:])[500] * 1000
    now = memory(arguments.pid)[0]
    print(f"10,000 forged calls in {sum(times):.1f} s: memory {before:.1f} MiB to {now:.1f} MiB, "
          f"an answer {first:.2f} ms at first, {last:.2f} ms at last")


main()
