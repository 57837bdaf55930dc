#include "tensor/graph_capture.h"

namespace zoetrope::tensor {

CapturedGraph CapturedGraph::capture(const std::function<void()>& body, int warm_up_runs) {
  for (int i = 0; i < warm_up_runs; ++i) warm_up(body);
  return record(body);
}

CannotRecord::CannotRecord()
    : base::Error(base::StatusCode::kFailedPrecondition,
                  "what depends on numbers in the device's memory cannot be recorded") {}

void LazyGraph::run(const std::function<void()>& body) {
  if (!graph_ && recordable_ && warmed_up_ == std::this_thread::get_id()) {
    try {
      graph_ = CapturedGraph::record(body);
    } catch (const CannotRecord&) {
      recordable_ = false;
    }
  }
  if (graph_) {
    graph_->replay();
    return;
  }
  CapturedGraph::warm_up(body);
  warmed_up_ = std::this_thread::get_id();
}

}  // namespace zoetrope::tensor
