#!/bin/sh
# Passes of the full-size networks on one Hopper GPU, ours beside diffusers, in one run of about
# eight minutes (without the peer: two):
#
#   bench/h200_engine.sh BINARY OUT
#
# BINARY  zoetrope-gpu (or zoetrope)
# OUT     receives the JSON files, the table and the rooflines
# In the environment:
# CASES      of bench/models, by name
# SLOW       cases whose peer is not compiled, and not run in fp32: a pass of it takes seconds
# PEER       modes of the peer (bench/peers/diffusers_model.py); empty: no peer
# WEIGHTS    formats of ours beside bf16
# LIBRARIES  an LD_LIBRARY_PATH for the binary alone
# WHEELS     a folder of Python wheels to use, such as diffusers, where that is not installed
# DEVICE     cuda, or cpu for a trial with CASES="tiny_flux tiny_wan_vae"
set -eu
binary=$(realpath "$1")
mkdir -p "$2"
out=$(realpath "$2")
root=$(cd "$(dirname "$0")/.." && pwd)
device=${DEVICE:-cuda}
slow=${SLOW-wan14b_480p wan14b_720p wan14b_i2v_480p wan14b_i2v_720p}
cases=${CASES-flux_1024 hidream_1024 wan14b_480p wan14b_720p i2vgen_xl_512 flux_vae_1024 sd_vae_512 \
  wan_vae_480p}
formats=${WEIGHTS-fp8}
peer=${PEER-eager,cudnn,compiled,fp8}

if [ -n "${WHEELS:-}" ]; then
  python3 -m pip install --quiet --no-deps --no-index --target "$out.python" "$WHEELS"/*.whl &&
    export PYTHONPATH="$out.python${PYTHONPATH:+:$PYTHONPATH}"
fi

measure() { # FORMAT ATTENTION NAME CASE [OPTIONS...]: a process each, so that one that fails stops no other
  format=$1 attention=$2 name=$3 one=$4
  shift 4
  LD_LIBRARY_PATH=${LIBRARIES:-${LD_LIBRARY_PATH:-}} "$binary" bench model \
    "$root/bench/models/$one.json" --device "$device" --weights "$format" \
    --attention "$attention" --runs 3 --plot "$out" -o "$out/$name.$one.json" "$@" ||
    echo "$one in $name failed"
}

has() { case " $2 " in *" $1 "*) return 0 ;; *) return 1 ;; esac; }

for format in $formats; do
  for one in $cases; do
    case $one in *vae* | i2vgen*) continue ;; esac
    measure "$format" exact "$format" "$one"
    measure "$format" fp8 "$format+attention" "$one"
  done
done
for one in $cases; do
  modes=$peer exact=--exact
  if [ -n "$peer" ] && has "$one" "$slow"; then modes=cudnn exact=; fi
  measure plain exact bf16 "$one" ${modes:+--against diffusers --modes "$modes" $exact}
done
python3 "$root/bench/model_table.py" "$out"
