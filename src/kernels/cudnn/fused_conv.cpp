#include "kernels/cudnn/fused_conv.h"

#include <unordered_map>
#include <utility>
#include <vector>

#include "kernels/cudnn/library.h"

namespace zoetrope::kernels {
namespace {

namespace fe = cudnn_frontend;
using Tensor = std::shared_ptr<fe::graph::Tensor_attributes>;

// What a pointer stands for in a call.
enum Uid : int64_t { kX = 1, kW, kBias, kResidual, kY };

// Channels-last in memory; cuDNN names dimensions in the order n, c, h, w.
fe::graph::Tensor_attributes channels_last(Uid uid, int64_t n, int64_t h, int64_t w, int64_t c) {
  return fe::graph::Tensor_attributes()
      .set_uid(uid)
      .set_dim({n, c, h, w})
      .set_stride({h * w * c, 1, w * c, c});
}

std::vector<int64_t> pair_of(const std::array<int64_t, 2>& values) {
  return {values[0], values[1]};
}

}  // namespace

struct FusedConv::Graph {
  fe::graph::Graph graph;
  int64_t workspace = 0;
};

FusedConv::FusedConv(std::unique_ptr<Graph> graph) : graph_(std::move(graph)) {}
FusedConv::~FusedConv() = default;

std::unique_ptr<FusedConv> FusedConv::make(cudnnContext* handle, const FusedConvShape& s) {
  if (!cudnn_loaded()) return nullptr;
  auto made = std::make_unique<Graph>();
  fe::graph::Graph& graph = made->graph;
  graph
      .set_io_data_type(s.dtype == ConvDtype::kBfloat16 ? fe::DataType_t::BFLOAT16
                                                        : fe::DataType_t::HALF)
      .set_intermediate_data_type(fe::DataType_t::FLOAT)
      .set_compute_data_type(fe::DataType_t::FLOAT);
  const auto [h, w] = s.result_size();
  const Tensor x = graph.tensor(channels_last(kX, s.n, s.h, s.w, s.c));
  const Tensor weight = graph.tensor(channels_last(kW, s.k, s.kernel[0], s.kernel[1], s.c));
  Tensor y = graph.conv_fprop(x, weight,
                              fe::graph::Conv_fprop_attributes()
                                  .set_padding(pair_of(s.padding))
                                  .set_stride(pair_of(s.stride))
                                  .set_dilation({1, 1}));
  const auto add = [&](const fe::graph::Tensor_attributes& other) {
    y = graph.pointwise(y, graph.tensor(other),
                        fe::graph::Pointwise_attributes().set_mode(fe::PointwiseMode_t::ADD));
  };
  if (s.bias) add(channels_last(kBias, 1, 1, 1, s.k));
  if (s.residual) add(channels_last(kResidual, s.n, h, w, s.k));
  const fe::graph::Tensor_attributes result = channels_last(kY, s.n, h, w, s.k);
  y->set_output(true).set_uid(kY).set_dim(result.get_dim()).set_stride(result.get_stride());

  if (graph.validate().is_bad() || graph.build_operation_graph(handle).is_bad() ||
      graph.create_execution_plans({fe::HeurMode_t::A}).is_bad() ||
      graph.check_support().is_bad() || graph.build_plans().is_bad()) {
    return nullptr;
  }
  made->workspace = graph.get_workspace_size();
  return std::unique_ptr<FusedConv>(new FusedConv(std::move(made)));
}

int64_t FusedConv::workspace_bytes() const { return graph_->workspace; }

bool FusedConv::run(cudnnContext* handle, const FusedConvPointers& p) const {
  std::unordered_map<int64_t, void*> pointers = {
      {kX, const_cast<void*>(p.x)}, {kW, const_cast<void*>(p.w)}, {kY, p.y}};
  if (p.bias != nullptr) pointers[kBias] = const_cast<void*>(p.bias);
  if (p.residual != nullptr) pointers[kResidual] = const_cast<void*>(p.residual);
  return graph_->graph.execute(handle, pointers, p.workspace).is_good();
}

}  // namespace zoetrope::kernels
