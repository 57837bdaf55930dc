// A ladder is how an op decides which of its variants runs: the first whose `supports` accepts the
// problem, best first. `ZOETROPE_FORCE_<OP>=variant` in the environment, or a ForceVariant in a
// test, leaves one rung only; a problem that rung does not take is then base::Error.
//
// Ladders are static objects of the op's source file. Choosing is lock-free and may happen on any
// thread; a ForceVariant acts on the whole process and must not race with running ops.
#pragma once

#include <ATen/core/Tensor.h>

#include <atomic>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "ops/meter.h"

namespace zoetrope::ops {

// True where autograd will ask for a gradient of any of these (undefined ones are skipped).
// Variants without a derivative refuse such problems.
bool needs_grad(std::initializer_list<const at::Tensor*> inputs);

// The part of a ladder that does not depend on the problem's type.
class LadderState {
 public:
  LadderState(std::string op, std::vector<std::string_view> names);
  LadderState(const LadderState&) = delete;

  const std::string& op() const { return op_; }
  const std::vector<std::string_view>& names() const { return names_; }

 protected:
  // Is this rung open? All are, unless one is forced.
  bool open(size_t rung) const {
    int forced = forced_.load(std::memory_order_relaxed);
    if (forced == kUnread) forced = read_environment();
    return forced == kNone || forced == static_cast<int>(rung);
  }
  void count(size_t rung) { counts_[rung].fetch_add(1, std::memory_order_relaxed); }
  [[noreturn]] void refuse() const;  // no open rung takes the problem

 private:
  friend class ForceVariant;
  friend std::string ladder_report();

  static constexpr int kNone = -1;
  static constexpr int kUnread = -2;  // the environment has not been asked yet

  int read_environment() const;
  int index_of(std::string_view name) const;  // base::Error(kInvalidArgument) for unknown names

  std::string op_;
  std::vector<std::string_view> names_;
  std::unique_ptr<std::atomic<uint64_t>[]> counts_;
  mutable std::atomic<int> forced_ = kUnread;
};

// What a problem costs at least, and its shapes for a reader; problems that are mostly arithmetic
// have overloads of their own (problems.h). Of the others the result stands for the input.
template <class Problem>
Work work_of(const Problem&, const at::Tensor& result) {
  return {.flops = 0, .bytes = 2.0 * static_cast<double>(bytes_of(result))};
}
template <class Problem>
std::string shapes_of(const Problem&, const at::Tensor& result) {
  return shape_of(result);
}

template <class Problem>
struct Rung {
  std::string_view name;
  bool (*supports)(const Problem&);
  at::Tensor (*run)(const Problem&);
};

template <class Problem>
class Ladder : public LadderState {
 public:
  Ladder(std::string op, std::initializer_list<Rung<Problem>> rungs)
      : LadderState(std::move(op), names_of(rungs)), rungs_(rungs) {}

  at::Tensor operator()(const Problem& problem) {
    for (size_t i = 0; i < rungs_.size(); ++i) {
      if (!open(i) || !rungs_[i].supports(problem)) continue;
      count(i);
      MeteredCall call(op(), names()[i]);
      at::Tensor result = rungs_[i].run(problem);
      if (call) call.finish(work_of(problem, result), shapes_of(problem, result));
      return result;
    }
    refuse();
  }

 private:
  static std::vector<std::string_view> names_of(std::initializer_list<Rung<Problem>> rungs) {
    std::vector<std::string_view> names;
    for (const Rung<Problem>& rung : rungs) names.push_back(rung.name);
    return names;
  }
  std::vector<Rung<Problem>> rungs_;
};

// `supports` of a variant that takes everything.
template <class Problem>
bool always(const Problem&) {
  return true;
}

// Forces one variant of one op while it lives. base::Error(kInvalidArgument) for unknown names.
class ForceVariant {
 public:
  ForceVariant(std::string_view op, std::string_view variant);
  ~ForceVariant();
  ForceVariant(const ForceVariant&) = delete;

 private:
  LadderState* ladder_;
  int before_;
};

// The ops that have a variant of this name, for comparisons.
std::vector<std::string> ops_with_variant(std::string_view variant);

// One line an op: "group_norm: cuda 120, reference 0, aten 3", the calls each variant has taken.
std::string ladder_report();

}  // namespace zoetrope::ops
