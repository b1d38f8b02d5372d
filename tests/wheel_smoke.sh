#!/bin/sh
# Build the wheel, install it alone in an empty environment elsewhere, and run the command there.
# usage: wheel_smoke.sh PYTHON   (one that has build and hatchling)
set -eu
python=$1
cd "$(dirname "$0")/.."
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
trap 'exit 130' INT TERM

echo "wheel: building"
"$python" -m build --wheel --no-isolation --outdir "$place/dist" . >"$place/build.log" 2>&1 || {
    cat "$place/build.log" >&2
    exit 1
}
echo "wheel: installing it in an empty environment (about a minute)"
"$python" -m venv "$place/env"
"$place/env/bin/python" -m pip install -qq --disable-pip-version-check "$place"/dist/*.whl

mkdir "$place/elsewhere"
cd "$place/elsewhere"
unset PYTHONPATH
run() {
    echo "wheel: $*"
    "$place/env/bin/$@" >"$place/out.log" 2>&1 || {
        cat "$place/out.log" >&2
        echo "wheel: $* failed" >&2
        exit 1
    }
}
run python -c 'import aura_tda_gpu as a, sys; sys.exit(not a.__file__.startswith(sys.prefix))'
run aura-tda doctor
run aura-tda demo --no-plot
test -s out/demo/updates.jsonl || { echo "wheel: the demo wrote no updates" >&2; exit 1; }
echo "wheel: works"
