#include "base/status.h"
#include "tensor/graph_capture.h"

namespace zoetrope::tensor {

struct CapturedGraph::Impl {};

CapturedGraph::CapturedGraph(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
CapturedGraph::CapturedGraph(CapturedGraph&&) noexcept = default;
CapturedGraph& CapturedGraph::operator=(CapturedGraph&&) noexcept = default;
CapturedGraph::~CapturedGraph() = default;

CapturedGraph CapturedGraph::capture(const std::function<void()>&, int) {
  throw base::Error(base::StatusCode::kFailedPrecondition, "capturing a graph needs CUDA");
}

void CapturedGraph::replay() {
  throw base::Error(base::StatusCode::kFailedPrecondition, "replaying a graph needs CUDA");
}

}  // namespace zoetrope::tensor
