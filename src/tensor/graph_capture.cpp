#include "tensor/graph_capture.h"

namespace zoetrope::tensor {

CapturedGraph CapturedGraph::capture(const std::function<void()>& body, int warm_up_runs) {
  for (int i = 0; i < warm_up_runs; ++i) warm_up(body);
  return record(body);
}

void LazyGraph::run(const std::function<void()>& body) {
  if (!graph_ && warmed_up_ != std::this_thread::get_id()) {
    CapturedGraph::warm_up(body);
    warmed_up_ = std::this_thread::get_id();
    return;
  }
  if (!graph_) graph_ = CapturedGraph::record(body);
  graph_->replay();
}

}  // namespace zoetrope::tensor
