#!/usr/bin/env python3
"""Writes a kustomization of N Deployments in three layers.

    tree.py N DIR

`base` has the Deployments, a file each, and generates the ConfigMap and the Secret that they refer to; `platform` gives
them a prefix, and labels that selectors have too; `overlay`, which is what to build, sets the namespace and images, and
has a JSON patch whose target is a regular expression. Equal arguments write equal files.
"""
import pathlib
import sys

DEPLOYMENT = """apiVersion: apps/v1
kind: Deployment
metadata:
  name: app-{n:05}
  labels:
    app: app-{n:05}
    tier: {tier}
spec:
  replicas: 1
  selector:
    matchLabels:
      app: app-{n:05}
  template:
    metadata:
      labels:
        app: app-{n:05}
    spec:
      containers:
        - name: main
          image: ghcr.io/example/app:{tag}
          ports:
            - name: http
              containerPort: 8080
          env:
            - name: LOG_LEVEL
              valueFrom:
                configMapKeyRef:
                  name: settings
                  key: LOG_LEVEL
          envFrom:
            - secretRef:
                name: credentials
          readinessProbe:
            httpGet:
              path: /healthz
              port: http
          resources:
            requests:
              cpu: 50m
              memory: 64Mi
"""

HEAD = """apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
"""

BASE = HEAD + """resources:
{resources}
configMapGenerator:
  - name: settings
    literals:
      - LOG_LEVEL=info
secretGenerator:
  - name: credentials
    literals:
      - TOKEN=example
"""

PLATFORM = HEAD + """resources:
  - ../base
namePrefix: team-
labels:
  - pairs:
      team: bench
    includeSelectors: true
"""

OVERLAY = HEAD + """resources:
  - ../platform
namespace: bench
images:
  - name: ghcr.io/example/app
    newTag: 2.0.0
patches:
  - target:
      kind: Deployment
      name: app-.*0
    patch: |-
      - op: replace
        path: /spec/replicas
        value: 3
"""


def main():
    count, root = int(sys.argv[1]), pathlib.Path(sys.argv[2])
    names = [f"app-{n:05}.yaml" for n in range(count)]
    layers = {
        "base": BASE.format(resources="\n".join(f"  - {name}" for name in names)),
        "platform": PLATFORM,
        "overlay": OVERLAY,
    }
    for layer, text in layers.items():
        (root / layer).mkdir(parents=True, exist_ok=True)
        (root / layer / "kustomization.yaml").write_text(text)
    for n, name in enumerate(names):
        tier = "front" if n % 10 == 0 else "back"
        (root / "base" / name).write_text(DEPLOYMENT.format(n=n, tier=tier, tag=f"1.{n % 7}.0"))


main()
