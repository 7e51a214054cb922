#!/usr/bin/env bash
# How fast the embedded API server is: start, requests of each kind, watch fan-out, memory. Client and server share the
# process and its cores, so that the figures are lower bounds.
#
#   bench/apiserver.sh
set -euo pipefail
cd "$(dirname "$0")/.."

cargo build --release --locked -p sluice-apiserver --example load
exec "${CARGO_TARGET_DIR:-target}/release/examples/load"
