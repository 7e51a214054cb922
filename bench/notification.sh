#!/usr/bin/env bash
# notification-controller under load: 1,000 events a second for a minute, then 10,000 forged calls of a webhook.
#
#   bench/notification.sh [SECONDS [RATE]]    default: 60 1000
#
# Says how many events were accepted and delivered, how long an answer took, and the memory of the controller's process.
# Exits with 1 when an accepted event is not delivered.
set -euo pipefail
cd "$(dirname "$0")/.."

seconds=${1:-60} rate=${2:-1000}
bin=${CARGO_TARGET_DIR:-target}/release
cargo build --release --locked -p sluice-cli -p sluice-notification-controller --bins

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
"$bin/notification-controller" --events-addr 127.0.0.1:18430 --receiverAddr 127.0.0.1:18431 --metrics-addr 0 \
    --health-addr 127.0.0.1:18432 --storage-path "$work/queue" 2>"$work/controller.log" &
pids+=($!)
python3 bench/notification.py --sluice "$bin/sluice" --pid "$!" --seconds "$seconds" --rate "$rate" \
    --events 127.0.0.1:18430 --webhooks 127.0.0.1:18431
