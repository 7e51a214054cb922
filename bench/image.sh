#!/usr/bin/env bash
# image-automation-controller: time, requests and memory for scanning 50 repositories of 1,000 tags, twice.
#
#   bench/image.sh [REPOSITORIES [TAGS]]    default: 50 1000; needs kubectl
#
# The second scan is asked for by annotation; the registry gives its pages an ETag. PROFILE=debug takes debug builds.
set -euo pipefail
cd "$(dirname "$0")/.."

repositories=${1:-50} tags=${2:-1000} profile=${PROFILE:-release}
flags=()
[[ $profile == release ]] && flags=(--release)
bin=${CARGO_TARGET_DIR:-target}/$profile
cargo build "${flags[@]}" --locked -p sluice-cli -p sluice-image-automation-controller --bins
PATH=$PWD/target/tools:$PATH

work=$(mktemp -d)
pids=()
# Ends what this script started, and nothing else.
end() {
    local pid
    for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
    for pid in "${pids[@]}"; do wait "$pid" 2>/dev/null || true; done
}
trap 'end; rm -rf "$work"' EXIT

"$bin/sluice" apiserver --crds --kubeconfig-out "$work/kubeconfig" --ready-file "$work/ready" 2>"$work/apiserver.log" &
pids+=($!)
until [[ -s $work/ready ]]; do
    kill -0 "${pids[0]}" || { cat "$work/apiserver.log" >&2; exit 1; }
    sleep 0.05
done
export KUBECONFIG=$work/kubeconfig
echo "$profile builds"
python3 bench/image.py --controller "$bin/image-automation-controller" --folder "$work" \
    --repositories "$repositories" --tags "$tags"
