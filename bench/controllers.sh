#!/usr/bin/env bash
# Time, CPU, memory and API requests of the two controllers, each script on an empty control plane and fresh processes.
#
#   bench/controllers.sh [mttp | mttp-1000 | drift | depchain | sources | coldstart | idle]...    default: all
#
# The scripts are those of the shared folder (SLUICE_BENCH, default ../shared/bench); results go to
# target/bench/controllers.jsonl. They take about half an hour.
set -euo pipefail
cd "$(dirname "$0")/.."

scripts=${SLUICE_BENCH:-../shared/bench}
if [[ ! -f $scripts/mttp.py ]]; then
    echo "controllers: skipped, no scripts in $scripts (set SLUICE_BENCH to their folder)"
    exit 0
fi
bin=${CARGO_TARGET_DIR:-target}/release
cargo build --release --locked -p sluice-cli -p sluice-source-controller -p sluice-kustomize-controller --bins
PATH=$PWD/target/tools:$PATH

out=target/bench
mkdir -p "$out"
results=$out/controllers.jsonl
: >"$results"
work=$(mktemp -d)
pids=()

git_port=18418 artifact_port=18419 source_health=18420 kustomize_health=18421

# Ends what this script started, and nothing else.
end() {
    local pid
    for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
    for pid in "${pids[@]}"; do wait "$pid" 2>/dev/null || true; done
    pids=()
}
trap 'end; rm -rf "$work"' EXIT

source_command() {
    printf '%s\n' env "KUBECONFIG=$work/source.kubeconfig" "$bin/source-controller" --storage-path "$work/storage" \
        --storage-addr "127.0.0.1:$artifact_port" --metrics-addr 0 --health-addr "127.0.0.1:$source_health"
}

kustomize_command() {
    printf '%s\n' env "KUBECONFIG=$work/kustomize.kubeconfig" "$bin/kustomize-controller" \
        --metrics-addr 0 --health-addr "127.0.0.1:$kustomize_health"
}

# Starts the control plane and Git, and of the controllers those that are named.
begin() {
    end
    rm -rf "${work:?}"/*
    mkdir -p "$work/git" "$work/storage"
    "$bin/sluice" apiserver --crds --kubeconfig-out "$work/kubeconfig" --audit-log "$work/audit.log" \
        --user-kubeconfig "source-controller=$work/source.kubeconfig" \
        --user-kubeconfig "kustomize-controller=$work/kustomize.kubeconfig" \
        --ready-file "$work/ready" 2>"$out/apiserver.log" &
    pids+=($!)
    until [[ -s $work/ready ]]; do
        kill -0 "${pids[0]}" || { echo "the control plane did not start, see $out/apiserver.log" >&2; exit 1; }
        sleep 0.05
    done
    python3 "$scripts/githttpd.py" --root "$work/git" --port "$git_port" &
    pids+=($!)
    local name command
    for name in "$@"; do
        mapfile -t command < <("${name}_command")
        "${command[@]}" >"$out/$name.log" 2>&1 &
        pids+=($!)
        # `env` becomes the controller, so this is the controller's own process.
        printf -v "${name}_pid" %s "$!"
    done
    sleep 1
}

common() { printf '%s\n' --kubeconfig "$work/kubeconfig" --git-root "$work/git" --git-url "http://127.0.0.1:$git_port"; }

measure() {
    local script=$1 arguments
    shift
    mapfile -t arguments < <(common)
    echo "== $script $*"
    python3 "$scripts/$script.py" "${arguments[@]}" --label embedded --out "$results" "$@"
}

for what in "${@:-mttp mttp-1000 drift depchain sources coldstart idle}"; do
    # The default is one word of many.
    for script in $what; do
        case $script in
        mttp)
            begin source kustomize
            measure mttp --n 100 --delete --audit "$work/audit.log" --pids "source=$source_pid,kustomize=$kustomize_pid"
            ;;
        mttp-1000)
            begin source kustomize
            measure mttp --n 1000 --layout shared --interval 30m --idle 0 --audit "$work/audit.log" \
                --pids "source=$source_pid,kustomize=$kustomize_pid"
            ;;
        drift)
            begin source kustomize
            measure drift --rounds 5
            ;;
        depchain)
            begin source kustomize
            measure depchain --n 10 --rounds 3
            ;;
        sources)
            begin source
            measure sources --pid "$source_pid"
            ;;
        coldstart)
            begin
            mapfile -t command < <(source_command)
            measure coldstart --kind git --ready-url "http://127.0.0.1:$source_health/readyz" -- "${command[@]}"
            begin source
            mapfile -t command < <(kustomize_command)
            measure coldstart --kind ks --ready-url "http://127.0.0.1:$kustomize_health/readyz" -- "${command[@]}"
            ;;
        idle)
            begin source kustomize
            echo "== idle"
            python3 "$scripts/idle.py" --pids "source=$source_pid,kustomize=$kustomize_pid" --label embedded --out "$results"
            ;;
        *)
            echo "controllers: no script \`$script\`" >&2
            exit 2
            ;;
        esac
    done
done
end
python3 "$scripts/report.py" "sluice=$results" | tee "$out/controllers.md"
