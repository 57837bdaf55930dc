#include "base/status.h"
#include "tensor/graph_capture.h"

namespace zoetrope::tensor {

struct CapturedGraph::Impl {};

CapturedGraph::CapturedGraph(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
CapturedGraph::CapturedGraph(CapturedGraph&&) noexcept = default;
CapturedGraph& CapturedGraph::operator=(CapturedGraph&&) noexcept = default;
CapturedGraph::~CapturedGraph() = default;

void CapturedGraph::warm_up(const std::function<void()>&) {
  throw base::Error(base::StatusCode::kFailedPrecondition, "capturing a graph needs CUDA");
}

CapturedGraph CapturedGraph::record(const std::function<void()>&) {
  throw base::Error(base::StatusCode::kFailedPrecondition, "capturing a graph needs CUDA");
}

int64_t CapturedGraph::bytes() const { return 0; }

bool recording() { return false; }

void CapturedGraph::replay() {
  throw base::Error(base::StatusCode::kFailedPrecondition, "replaying a graph needs CUDA");
}

}  // namespace zoetrope::tensor
