#!/usr/bin/env bash
# The kustomize engine beside `kubectl kustomize`, in one run. Only the ratios carry over to another machine.
#
#   bench/run.sh
set -euo pipefail
cd "$(dirname "$0")/.."

target=${CARGO_TARGET_DIR:-target}
cargo build --release --locked -p sluice-cli --bin sluice
PATH=$PWD/target/tools:$PATH
kubectl=$(command -v kubectl) || { echo "kubectl is missing: make tools" >&2; exit 1; }

trees=$(mktemp -d)
trap 'rm -rf "$trees"' EXIT
for count in 500 5000; do
    python3 bench/tree.py "$count" "$trees/$count"
done

python3 bench/compare.py --sluice "$target/release/sluice" --kubectl "$kubectl" \
    "the example overlay=examples/web-app/overlays/production:15" \
    "500 Deployments=$trees/500/overlay:5" \
    "5,000 Deployments=$trees/5000/overlay:1"
