#!/usr/bin/env bash
# Writes the built-in API schema of Kubernetes again, from the OpenAPI definitions in a Python package.
set -euo pipefail

package=kubernetes-validate==1.37.0
root=$(cd "$(dirname "$0")/.." && pwd)
mkdir -p "$root/target"
work=$(mktemp -d "$root/target/schema.XXXXXX")
trap 'rm -rf "$work"' EXIT

python3 -m pip download --quiet --disable-pip-version-check --no-deps --only-binary :all: --dest "$work" "$package"
python3 - "$work" <<'PY'
import pathlib, sys, zipfile

work = pathlib.Path(sys.argv[1])
wheel = zipfile.ZipFile(next(work.glob("*.whl")))
name = next(it for it in wheel.namelist() if it.endswith("/v1.37.0-local/_definitions.json"))
(work / "definitions.json").write_bytes(wheel.read(name))
PY
python3 "$root/crates/object/generate/schema.py" "$work/definitions.json"
