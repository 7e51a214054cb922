#!/usr/bin/env bash
# The kustomize engine beside `kubectl kustomize`, in one run. Only the ratios carry over to another machine.
#
#   bench/run.sh
#
# kubectl takes some five minutes for 5,000 Deployments; SLUICE_BENCH_FULL=1 waits for it.
set -euo pipefail
cd "$(dirname "$0")/.."

target=${CARGO_TARGET_DIR:-target}
cargo build --release --locked -p sluice-cli --bin sluice
cargo build --release --locked -p sluice-kustomize --example many
sluice=$target/release/sluice
PATH=$PWD/target/tools:$PATH
kubectl=$(command -v kubectl) || { echo "kubectl is missing: make tools" >&2; exit 1; }

trees=$(mktemp -d)
trap 'rm -rf "$trees"' EXIT
for count in 10 500 5000 20000; do
    python3 bench/tree.py "$count" "$trees/$count"
done

cases=("10 Deployments=$trees/10/overlay:41" "500 Deployments=$trees/500/overlay:5")
# The largest real tree of the conformance suite, where that is.
suite=${SLUICE_CONFORMANCE:-../shared/conformance}/kustomize/cases
if [ -d "$suite" ]; then
    largest=$(du -b "$suite"/tree--*/expected.yaml | sort -n | tail -1 | cut -f2)
    case=$(dirname "$largest")
    run=$(python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["run"])' "$case/case.json")
    cases+=("largest real tree ($(basename "$case"))=$case/input/$run:9")
fi
[ -n "${SLUICE_BENCH_FULL:-}" ] && cases+=("5,000 Deployments=$trees/5000/overlay:1")
python3 bench/compare.py --sluice "$sluice" --kubectl "$kubectl" "${cases[@]}"

echo
echo "How time grows:"
python3 bench/compare.py --sluice "$sluice" "5,000 Deployments=$trees/5000/overlay:5" "20,000 Deployments=$trees/20000/overlay:5"

echo
echo "1,000 builds of 100 overlays that share a base of 100 objects, in one process:"
"$target/release/examples/many"
