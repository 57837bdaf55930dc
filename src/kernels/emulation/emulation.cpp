#include <ucontext.h>

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <vector>

#include "kernels/common/launch.cuh"

namespace zoetrope::kernels::emulation {

Position here;

namespace {

enum class State { kRunning, kAtBlockBarrier, kAtWarpBarrier, kDone };

struct Fibre {
  ucontext_t context;
  std::unique_ptr<char[]> stack;
  dim3 thread;
  State state = State::kRunning;
  float offered = 0;  // to the other lanes
};

constexpr size_t kStack = 64 << 10;
constexpr size_t kWarp = 32;

std::vector<Fibre> fibres;
size_t current = 0;
ucontext_t scheduler;
const std::function<void()>* body = nullptr;

void entry() {
  (*body)();
  fibres[current].state = State::kDone;
  swapcontext(&fibres[current].context, &scheduler);
}

void wait(State state) {
  fibres[current].state = state;
  swapcontext(&fibres[current].context, &scheduler);
}

// Opens a barrier once everyone who still runs in [first, last) stands at it.
bool release(size_t first, size_t last, State barrier) {
  bool any = false;
  for (size_t i = first; i < last; ++i) {
    if (fibres[i].state == State::kDone) continue;
    if (fibres[i].state != barrier) return false;
    any = true;
  }
  for (size_t i = first; i < last; ++i) {
    if (fibres[i].state == barrier) fibres[i].state = State::kRunning;
  }
  return any;
}

bool all_done() {
  for (const Fibre& f : fibres) {
    if (f.state != State::kDone) return false;
  }
  return true;
}

void run_block() {
  while (!all_done()) {
    bool progress = false;
    for (current = 0; current < fibres.size(); ++current) {
      if (fibres[current].state != State::kRunning) continue;
      here.thread = fibres[current].thread;
      swapcontext(&scheduler, &fibres[current].context);
      progress = true;
    }
    for (size_t i = 0; i < fibres.size(); i += kWarp) {
      progress |= release(i, std::min(i + kWarp, fibres.size()), State::kAtWarpBarrier);
    }
    progress |= release(0, fibres.size(), State::kAtBlockBarrier);
    if (!progress) {
      std::fprintf(stderr, "emulated block is stuck: its threads wait at different barriers\n");
      std::abort();
    }
  }
}

}  // namespace

void block_barrier() { wait(State::kAtBlockBarrier); }
void warp_barrier() { wait(State::kAtWarpBarrier); }

float exchange(float value, int mask) {
  fibres[current].offered = value;
  wait(State::kAtWarpBarrier);
  const size_t other = current ^ static_cast<size_t>(mask);
  const float got = other < fibres.size() ? fibres[other].offered : NAN;
  wait(State::kAtWarpBarrier);  // nobody offers the next value before all have read this one
  return got;
}

void run(dim3 grid, dim3 block, const std::function<void()>& thread) {
  body = &thread;
  here.grid_dim = grid;
  here.block_dim = block;
  fibres.resize(static_cast<size_t>(block.x) * block.y);
  for (unsigned b = 0; b < grid.x * grid.y; ++b) {
    here.block = dim3(b % grid.x, b / grid.x);
    for (size_t i = 0; i < fibres.size(); ++i) {
      Fibre& f = fibres[i];
      if (!f.stack) f.stack = std::make_unique<char[]>(kStack);
      f.thread = dim3(i % block.x, i / block.x);
      f.state = State::kRunning;
      getcontext(&f.context);
      f.context.uc_stack.ss_sp = f.stack.get();
      f.context.uc_stack.ss_size = kStack;
      f.context.uc_link = nullptr;
      makecontext(&f.context, entry, 0);
    }
    run_block();
  }
}

}  // namespace zoetrope::kernels::emulation
