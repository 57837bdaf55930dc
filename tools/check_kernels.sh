#!/bin/sh
# compute-sanitizer over our kernels, on a machine with a GPU: memcheck, racecheck and synccheck, at sizes
# that it takes a minute or two for. Libraries' own kernels are left out.
#
#   tools/check_kernels.sh OPS_CUDA_TEST [TOOL...]
set -u
test=$1
shift
[ $# -gt 0 ] || set -- memcheck racecheck synccheck
shards=6
logs=$(mktemp -d)
export ZOETROPE_SMALL_PROBLEMS=1 OMP_NUM_THREADS=2 GTEST_TOTAL_SHARDS=$shards

watch() { # TOOL SHARD
  GTEST_SHARD_INDEX=$2 compute-sanitizer --tool "$1" --error-exitcode 9 --print-limit 20 "$test" --gtest_brief=1 \
    --gtest_filter='-*Cublaslt*:LinearRungs*:AttentionOnAGpu*:ConvOnAGpu*' >"$logs/$1.$2" 2>&1 || echo "$1.$2" >>"$logs/bad"
}

for tool in "$@"; do
  for shard in $(seq 0 $((shards - 1))); do watch "$tool" "$shard" & done
  wait
  grep -hE 'ERROR SUMMARY|RACECHECK SUMMARY|^\[  (PASSED|FAILED)' "$logs/$tool".* | sort | uniq -c | sed "s/^/$tool:/"
done
[ ! -e "$logs/bad" ] && exit 0
for log in $(cat "$logs/bad"); do
  echo "$log"
  grep -E 'FAILED|Invalid|Race|hazard|Barrier|========= +at ' "$logs/$log" | head -30
done
exit 1
