#include "ops/ladder.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <mutex>

#include "base/status.h"

namespace zoetrope::ops {
namespace {

struct Registry {
  std::mutex mutex;
  std::vector<LadderState*> ladders;
};

Registry& registry() {
  static Registry instance;
  return instance;
}

std::string join(const std::vector<std::string_view>& names) {
  std::string out;
  for (const std::string_view name : names) out += (out.empty() ? "" : ", ") + std::string(name);
  return out;
}

std::string environment_name(std::string op) {
  for (char& c : op) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return "ZOETROPE_FORCE_" + op;
}

}  // namespace

bool needs_grad(std::initializer_list<const at::Tensor*> inputs) {
  if (!c10::GradMode::is_enabled()) return false;
  for (const at::Tensor* t : inputs) {
    if (t->defined() && t->requires_grad()) return true;
  }
  return false;
}

LadderState::LadderState(std::string op, std::vector<std::string_view> names)
    : op_(std::move(op)),
      names_(std::move(names)),
      counts_(std::make_unique<std::atomic<uint64_t>[]>(names_.size())) {
  const std::lock_guard lock(registry().mutex);
  registry().ladders.push_back(this);
}

int LadderState::read_environment() const {
  const char* name = std::getenv(environment_name(op_).c_str());
  const int forced = name == nullptr ? kNone : index_of(name);
  forced_ = forced;
  return forced;
}

int LadderState::index_of(std::string_view name) const {
  for (size_t i = 0; i < names_.size(); ++i) {
    if (names_[i] == name) return static_cast<int>(i);
  }
  throw base::Error(base::StatusCode::kInvalidArgument,
                    op_ + " has no variant '" + std::string(name) + "', it has " + join(names_));
}

void LadderState::refuse() const {
  const int forced = forced_.load();
  throw base::Error(base::StatusCode::kFailedPrecondition,
                    forced == kNone ? op_ + ": no variant takes this problem"
                                    : op_ + ": the forced variant '" +
                                          std::string(names_[static_cast<size_t>(forced)]) +
                                          "' does not take this problem");
}

ForceVariant::ForceVariant(std::string_view op, std::string_view variant) : ladder_(nullptr) {
  const std::lock_guard lock(registry().mutex);
  for (LadderState* ladder : registry().ladders) {
    if (ladder->op() == op) ladder_ = ladder;
  }
  if (ladder_ == nullptr) {
    throw base::Error(base::StatusCode::kInvalidArgument, "no op '" + std::string(op) + "'");
  }
  before_ = ladder_->forced_.exchange(ladder_->index_of(variant));
}

ForceVariant::~ForceVariant() { ladder_->forced_ = before_; }

std::vector<std::string> ops_with_variant(std::string_view variant) {
  const std::lock_guard lock(registry().mutex);
  std::vector<std::string> ops;
  for (const LadderState* ladder : registry().ladders) {
    if (std::ranges::find(ladder->names(), variant) != ladder->names().end()) {
      ops.push_back(ladder->op());
    }
  }
  return ops;
}

std::string ladder_report() {
  const std::lock_guard lock(registry().mutex);
  std::string out;
  for (const LadderState* ladder : registry().ladders) {
    out += ladder->op() + ":";
    for (size_t i = 0; i < ladder->names().size(); ++i) {
      out += (i == 0 ? " " : ", ") + std::string(ladder->names()[i]) + " " +
             std::to_string(ladder->counts_[i].load());
    }
    out += "\n";
  }
  return out;
}

}  // namespace zoetrope::ops
