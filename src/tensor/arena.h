// Arena: one piece of host memory for all tensors of a computation that runs the same way every
// time. A first run is recorded, the blocks are given their places by when they live
// (tensor/arena_plan.h), and further runs allocate nothing.
//
//   AllocationRecord record;                       // scope
//   ...the computation...
//   Arena arena(plan_arena(record.blocks(), Arena::kAlignment));
//   { Arena::Scope scope(arena);  ...the computation again... }
//
// Nothing depends on the runs being alike: an allocation of another size than planned, or one whose
// place is still taken, is torch's own and is counted. Tensors may outlive scope and arena.
//
// Of the CPU: what this thread allocates inside the scope. A GPU's recorded passes have a pool of
// torch's own (docs/memory.md). Record and scope belong to the thread that made them, do not nest,
// and an arena has one scope at a time; blocks may be freed by any thread.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "tensor/arena_plan.h"
#include "tensor/dry_run.h"

namespace zoetrope::tensor {

// Writes down what this thread allocates on the CPU while it lives, and when each block ends.
class AllocationRecord {
 public:
  AllocationRecord();
  ~AllocationRecord();
  AllocationRecord(const AllocationRecord&) = delete;
  AllocationRecord& operator=(const AllocationRecord&) = delete;

  // So far, in order of allocation.
  std::vector<DryRun::Block> blocks() const;

 private:
  struct Account;
  friend struct ArenaAllocator;
  std::shared_ptr<Account> account_;
};

class Arena {
 public:
  static constexpr int64_t kAlignment = 256;

  // For tests: freed blocks are filled with 0xFF, which is NaN in every floating format.
  enum class WhenFreed { kLeave, kPoison };

  explicit Arena(ArenaPlan plan, WhenFreed when_freed = WhenFreed::kLeave);

  int64_t bytes() const;
  // Of all runs: allocations that have had a place in the arena, and that have not.
  int64_t placed() const;
  int64_t strays() const;

  // A run of the computation, from its beginning.
  class Scope {
   public:
    explicit Scope(Arena& arena);
    ~Scope();
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;
  };

 private:
  struct Memory;
  friend struct ArenaAllocator;
  std::shared_ptr<Memory> memory_;  // shared with the blocks
};

}  // namespace zoetrope::tensor
