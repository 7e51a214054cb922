#!/usr/bin/env python3
"""Writes a kustomization of N Deployments: bases of a hundred, and an overlay over all of them.

    tree.py N DIR

DIR/overlay is what to build. Equal arguments write equal files.
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
          readinessProbe:
            httpGet:
              path: /healthz
              port: http
          resources:
            requests:
              cpu: 50m
              memory: 64Mi
"""

BASE = """apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
resources:
{resources}
"""

OVERLAY = """apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
namespace: bench
namePrefix: team-
labels:
  - pairs:
      team: bench
    includeTemplates: true
resources:
{resources}
images:
  - name: ghcr.io/example/app
    newTag: 2.0.0
configMapGenerator:
  - name: settings
    literals:
      - LOG_LEVEL=info
patches:
  - target:
      kind: Deployment
      labelSelector: tier=front
    patch: |-
      - op: replace
        path: /spec/replicas
        value: 3
"""


def main():
    count, root = int(sys.argv[1]), pathlib.Path(sys.argv[2])
    bases = []
    for first in range(0, count, 100):
        base = root / f"base-{first // 100:03}"
        base.mkdir(parents=True, exist_ok=True)
        names = []
        for n in range(first, min(first + 100, count)):
            names.append(f"app-{n:05}.yaml")
            tier = "front" if n % 10 == 0 else "back"
            (base / names[-1]).write_text(DEPLOYMENT.format(n=n, tier=tier, tag=f"1.{n % 7}.0"))
        (base / "kustomization.yaml").write_text(BASE.format(resources="\n".join(f"  - {name}" for name in names)))
        bases.append(base.name)
    overlay = root / "overlay"
    overlay.mkdir(exist_ok=True)
    (overlay / "kustomization.yaml").write_text(OVERLAY.format(resources="\n".join(f"  - ../{base}" for base in bases)))


main()
