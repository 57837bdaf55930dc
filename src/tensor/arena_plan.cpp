#include "tensor/arena_plan.h"

#include <algorithm>
#include <functional>
#include <numeric>

#include "base/status.h"

namespace zoetrope::tensor {
namespace {

constexpr int kRounds = 64;

// A block that has its place.
struct Placed {
  int64_t offset, end;
  const DryRun::Block* block;
};

bool meet(const DryRun::Block& a, const DryRun::Block& b) {
  return a.begin < b.end && b.begin < a.end;
}

// Where `bytes` fit most tightly between what lives at the time, else behind it. `placed` is in the
// order of offsets.
int64_t place(const std::vector<Placed>& placed, const DryRun::Block& block, int64_t bytes) {
  int64_t best = -1, least = 0;  // offset, and room that is left there
  int64_t free_from = 0;
  for (const Placed& other : placed) {
    if (!meet(*other.block, block)) continue;
    const int64_t left = other.offset - free_from - bytes;
    if (left >= 0 && (best < 0 || left < least)) {
      best = free_from;
      least = left;
    }
    free_from = std::max(free_from, other.end);
  }
  return best < 0 ? free_from : best;
}

int64_t aligned(int64_t bytes, int64_t alignment) {
  return (bytes + alignment - 1) / alignment * alignment;
}

// One block after another has its place.
void place_all(ArenaPlan& plan, const std::vector<size_t>& order, int64_t alignment) {
  plan.bytes = 0;
  std::vector<Placed> placed;
  for (const size_t i : order) {
    const int64_t bytes = aligned(plan.blocks[i].bytes, alignment);
    const int64_t offset = place(placed, plan.blocks[i], bytes);
    plan.offsets[i] = offset;
    plan.bytes = std::max(plan.bytes, offset + bytes);
    const auto behind = std::ranges::upper_bound(placed, offset, {}, &Placed::offset);
    placed.insert(behind, {offset, offset + bytes, &plan.blocks[i]});
  }
}

// What no plan can do without.
int64_t least_bytes(std::vector<DryRun::Block> blocks, int64_t alignment) {
  for (DryRun::Block& block : blocks) block.bytes = aligned(block.bytes, alignment);
  return peak_bytes(blocks);
}

}  // namespace

ArenaPlan plan_arena(std::vector<DryRun::Block> blocks, int64_t alignment) {
  base::require(alignment > 0, "arena: the alignment must be positive");
  const int64_t least = least_bytes(blocks, alignment);
  ArenaPlan plan{.blocks = std::move(blocks), .offsets = {}, .bytes = 0};
  plan.offsets.resize(plan.blocks.size());
  std::vector<size_t> order(plan.blocks.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::ranges::stable_sort(order, std::greater<>(), [&](size_t i) { return plan.blocks[i].bytes; });
  place_all(plan, order, alignment);
  ArenaPlan best = plan;
  for (int round = 1; round < kRounds && best.bytes > least; ++round) {
    // Who found no room but at the very end chooses first next time.
    const auto last = std::ranges::max_element(order, {}, [&](size_t i) {
      return plan.offsets[i] + aligned(plan.blocks[i].bytes, alignment);
    });
    std::rotate(order.begin(), last, last + 1);
    place_all(plan, order, alignment);
    if (plan.bytes < best.bytes) best = plan;
  }
  return best;
}

}  // namespace zoetrope::tensor
