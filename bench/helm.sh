#!/usr/bin/env bash
# `sluice helm template` beside `helm template`, in one run. Only the ratios carry over to another machine.
#
#   bench/helm.sh [SLUICE]
#
# SLUICE is a release build of the command; without it one is made. The charts are those of the conformance suite.
set -euo pipefail
cd "$(dirname "$0")/.."

if [ $# -gt 0 ]; then
    sluice=$1
else
    cargo build --release --locked -p sluice-cli --bin sluice
    sluice=${CARGO_TARGET_DIR:-target}/release/sluice
fi
PATH=$PWD/target/tools:$PATH
helm=$(command -v helm) || { echo "helm is missing: make tools" >&2; exit 1; }
suite=${SLUICE_CONFORMANCE:-../shared/conformance}/helm-charts
[ -d "$suite" ] || { echo "$suite is missing" >&2; exit 1; }
python3 bench/helm.py --sluice "$sluice" --helm "$helm" --suite "$suite" \
    mini-alias--defaults podinfo--defaults kube-prometheus-stack--production
