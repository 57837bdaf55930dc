#!/bin/sh
# compute-sanitizer over our kernels, on a machine with a GPU: memcheck, racecheck and synccheck, at sizes
# that it takes seconds for. Libraries' own kernels are left out.
#
#   tools/check_kernels.sh OPS_CUDA_TEST
set -u
test=$1
status=0
export ZOETROPE_SMALL_PROBLEMS=1
logs=$(mktemp -d)
for tool in memcheck racecheck synccheck; do
  # One line a tool, and what it found.
  compute-sanitizer --tool "$tool" --error-exitcode 9 --print-limit 20 "$test" --gtest_brief=1 \
    --gtest_filter='-*Cublaslt*:LinearRungs*:AttentionOnAGpu*:ConvOnAGpu*' >"$logs/$tool" 2>&1
  code=$?
  [ $code -eq 0 ] || status=1
  echo "$tool: exit $code; $(grep -E 'ERROR SUMMARY|RACECHECK SUMMARY' "$logs/$tool" | tail -1); $(grep -E '^\[  (PASSED|FAILED)' "$logs/$tool" | head -1)"
  [ $code -eq 0 ] || grep -E 'FAILED|Invalid|Race|hazard|Barrier|========= +at ' "$logs/$tool" | head -30
done
exit $status
