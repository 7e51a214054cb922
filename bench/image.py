#!/usr/bin/env python3
"""Scans of many repositories of a registry that is only lists of tags; see image.sh."""

import argparse
import hashlib
import json
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit


class Registry(BaseHTTPRequestHandler):
    """The same tags for every repository, page by page."""

    protocol_version = "HTTP/1.1"
    tags, counts, lock = [], {}, threading.Lock()

    def do_GET(self):
        url = urlsplit(self.path)
        if not url.path.endswith("/tags/list"):
            return self.reply(200, b"{}", {})
        query = parse_qs(url.query)
        size, last = int(query.get("n", ["1000"])[0]), query.get("last", [""])[0]
        start = self.tags.index(last) + 1 if last else 0
        page = self.tags[start:start + size]
        body = json.dumps({"name": url.path, "tags": page}).encode()
        headers = {"ETag": '"%s"' % hashlib.sha256(body).hexdigest()}
        if start + size < len(self.tags):
            headers["Link"] = f'<{url.path}?n={size}&last={page[-1]}>; rel="next"'
        if self.headers.get("If-None-Match") == headers["ETag"]:
            return self.reply(304, b"", headers)
        return self.reply(200, body, headers)

    def reply(self, code, body, headers):
        with self.lock:
            self.counts[code] = self.counts.get(code, 0) + 1
        self.send_response(code)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def kubectl(*arguments, text=None):
    return subprocess.run(["kubectl", *arguments], input=text, text=True, check=True, stdout=subprocess.PIPE).stdout


def memory(pid):
    """Resident memory in MiB: now, and at most."""
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        fields = dict(line.split(":", 1) for line in status)
    return [int(fields[name].split()[0]) / 1024 for name in ("VmRSS", "VmHWM")]


def cpu(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / 100


def wait(done, count):
    deadline = time.monotonic() + 300
    while True:
        items = json.loads(kubectl("get", "imagerepositories", "-o", "json"))["items"]
        if sum(1 for item in items if done(item.get("status", {}))) == count:
            return items
        if time.monotonic() > deadline:
            sys.exit(f"not all were scanned: {items[0].get('status')}")
        time.sleep(0.05)


def told(name, begun, child):
    resident, most = memory(child.pid)
    print(f"{name}: {time.monotonic() - begun:.2f} s, CPU {cpu(child.pid):.2f} s in all, requests {Registry.counts}, "
          f"RSS {resident:.1f} MiB, at most {most:.1f} MiB")
    Registry.counts.clear()


def main():
    parser = argparse.ArgumentParser()
    for name in ("controller", "folder"):
        parser.add_argument(f"--{name}", required=True)
    for name in ("repositories", "tags"):
        parser.add_argument(f"--{name}", type=int, required=True)
    args = parser.parse_args()
    Registry.tags = [f"1.{n}.0" for n in range(args.tags)]
    server = ThreadingHTTPServer(("127.0.0.1", 0), Registry)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    image = "127.0.0.1:%d/app-" % server.server_address[1]
    objects = [{
        "apiVersion": "image.toolkit.fluxcd.io/v1", "kind": "ImageRepository",
        "metadata": {"name": f"app-{n}", "namespace": "default"},
        "spec": {"image": f"{image}{n}", "interval": "1h", "insecure": True},
    } for n in range(args.repositories)]
    objects += [{
        "apiVersion": "image.toolkit.fluxcd.io/v1", "kind": "ImagePolicy",
        "metadata": {"name": f"app-{n}", "namespace": "default"},
        "spec": {"imageRepositoryRef": {"name": f"app-{n}"}, "policy": {"semver": {"range": ">=1.0.0"}}},
    } for n in range(args.repositories)]
    kubectl("apply", "--validate=false", "-f", "-", text=json.dumps({"apiVersion": "v1", "kind": "List", "items": objects}))
    begun = time.monotonic()
    log = open(f"{args.folder}/controller.log", "w", encoding="utf-8")
    child = subprocess.Popen([args.controller, "--metrics-addr=0", "--health-addr=0",
                              f"--storage-path={args.folder}/images"], stderr=log, stdout=log)
    try:
        wait(lambda status: status.get("lastScanResult", {}).get("tagCount") == args.tags, args.repositories)
        told("first scan", begun, child)
        begun = time.monotonic()
        kubectl("annotate", "imagerepositories", "--all", "reconcile.fluxcd.io/requestedAt=again")
        wait(lambda status: status.get("lastHandledReconcileAt") == "again", args.repositories)
        told("second scan", begun, child)
        policies = json.loads(kubectl("get", "imagepolicies", "-o", "json"))["items"]
        chosen = {item.get("status", {}).get("latestRef", {}).get("tag") for item in policies}
        print(f"chosen: {chosen}")
        if chosen != {f"1.{args.tags - 1}.0"}:
            sys.exit("the policies chose otherwise")
    finally:
        child.terminate()
        child.wait()


if __name__ == "__main__":
    main()
