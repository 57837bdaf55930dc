#!/bin/sh
# Everything that docs/ladder.md, docs/solvers.md and docs/block_caching.md say about a GPU, measured in
# one go of about five minutes:
#
#   bench/gpu.sh BINARY OUT [MODEL]
#
# BINARY  zoetrope-gpu (or zoetrope)
# OUT     receives the JSON, markdown and PNG files
# In the environment:
# LIBRARIES  an LD_LIBRARY_PATH for the binary alone: PyTorch must find its own
# WHEELS     a folder of Python wheels to use, such as diffusers, where that is not installed; without
#            it the peer of I2VGen-XL's size is left out
# DEVICE     cuda, or cpu for a trial; QUICK=1 makes the trial short
set -eu
binary=$(realpath "$1")
mkdir -p "$2"
out=$(realpath "$2")
root=$(cd "$(dirname "$0")/.." && pwd)
model=${3:-$root/models/animate}
device=${DEVICE:-cuda}

if [ -n "${WHEELS:-}" ]; then
  python3 -m pip install --quiet --no-deps --no-index --target "$out.python" "$WHEELS"/*.whl &&
    export PYTHONPATH="$out.python${PYTHONPATH:+:$PYTHONPATH}"
fi

if [ -n "${LIBRARIES:-}" ]; then
  printf '#!/bin/sh\nLD_LIBRARY_PATH=%s exec %s "$@"\n' "$LIBRARIES" "$binary" >"$out.run"
  chmod +x "$out.run"
  binary=$out.run
fi

set -- "$root"/examples/*.png
ladder="--i2vgen-xl" solvers="--converged 400" blocks=""
if [ -n "${QUICK:-}" ]; then
  set -- "$root/examples/owl.png" "$root/examples/rocket.png"
  ladder="--naive-steps 3 --no-compile" solvers="--converged 20 --steps 5 8" blocks="--thresholds 0.1"
fi

# A part that fails says so and does not stop the others.
failed=0
part() {
  echo "== $1 ($(date +%T))"
  shift
  "$@" || { echo "FAILED: $*"; failed=1; }
}
# shellcheck disable=SC2086
{
  part ladder python3 "$root/bench/ladder.py" "$@" --binary "$binary" --model "$model" \
    --device "$device" $ladder --results "$out"
  part blocks "$binary" bench blocks "$@" --model "$model" --device "$device" --fit 1 $blocks \
    --out "$out/blocks_$device.json"
  part solvers "$binary" bench solvers "$@" --model "$model" --device "$device" --dtype fp32 $solvers \
    --out "$out/solvers.json" --plot "$out/solvers.png"
}
exit $failed
