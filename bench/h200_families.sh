#!/bin/sh
# The first step of h200_engine.sh, with the same arguments and environment: every family's pass and
# every autoencoder's decoding in bf16, beside diffusers in eager mode with its best attention.
set -eu
export WEIGHTS="" PEER=eager,cudnn
export CASES="${CASES-flux_1024 hidream_1024 wan14b_480p wan14b_720p wan14b_i2v_480p \
  wan14b_i2v_720p flux_vae_1024 wan_vae_480p}"
exec "$(dirname "$0")/h200_engine.sh" "$@"
