#include "kernels/cudnn/attention_fp8.h"

#include <cmath>
#include <unordered_map>
#include <utility>

#include "kernels/cudnn/library.h"

namespace zoetrope::kernels {
namespace {

namespace fe = cudnn_frontend;
using Attributes = fe::graph::Tensor_attributes;
using Tensor = std::shared_ptr<Attributes>;

// What a pointer stands for in a call.
enum Uid : int64_t {
  kQ = 1,
  kK,
  kV,
  kY,
  kDescaleQ,
  kDescaleK,
  kDescaleV,
  kDescaleSoftmax,
  kScaleSoftmax,
  kScaleY,
  kLargestSoftmax,
  kLargestY,
  kStatistics,
};

// cuDNN writes magnitudes that nobody reads; they stand behind its workspace.
constexpr int64_t kAlignment = 256;

Attributes matrix(Uid uid, const Fp8AttentionShape& s) {
  return Attributes()
      .set_uid(uid)
      .set_dim({1, s.heads, s.rows, s.d})
      .set_stride({s.rows * s.heads * s.d, s.d, s.heads * s.d, 1})
      .set_data_type(fe::DataType_t::FP8_E4M3);
}

Attributes number(Uid uid) {
  return Attributes()
      .set_uid(uid)
      .set_dim({1, 1, 1, 1})
      .set_stride({1, 1, 1, 1})
      .set_data_type(fe::DataType_t::FLOAT);
}

// Makes `tensor`, which an operation has, a result of the graph as `like` describes it.
void make_result(const Tensor& tensor, const Attributes& like) {
  tensor->set_output(true)
      .set_uid(like.get_uid())
      .set_dim(like.get_dim())
      .set_stride(like.get_stride())
      .set_data_type(like.get_data_type());
}

void describe(fe::graph::Graph& graph, const Fp8AttentionShape& s, bool statistics) {
  graph.set_io_data_type(fe::DataType_t::FP8_E4M3)
      .set_intermediate_data_type(fe::DataType_t::FLOAT)
      .set_compute_data_type(fe::DataType_t::FLOAT);
  const auto [y, rows, largest_softmax, largest_y] = graph.sdpa_fp8(
      graph.tensor(matrix(kQ, s)), graph.tensor(matrix(kK, s)), graph.tensor(matrix(kV, s)),
      graph.tensor(number(kDescaleQ)), graph.tensor(number(kDescaleK)),
      graph.tensor(number(kDescaleV)), graph.tensor(number(kDescaleSoftmax)),
      graph.tensor(number(kScaleSoftmax)), graph.tensor(number(kScaleY)),
      fe::graph::SDPA_fp8_attributes()
          .set_name("attention")
          .set_generate_stats(statistics)
          .set_attn_scale(1.0f / std::sqrt(static_cast<float>(s.d))));
  make_result(y, matrix(kY, s));
  make_result(largest_softmax, number(kLargestSoftmax));
  make_result(largest_y, number(kLargestY));
  if (statistics) {
    make_result(rows, number(kStatistics)
                          .set_dim({1, s.heads, s.rows, 1})
                          .set_stride({s.heads * s.rows, s.rows, 1, 1}));
  }
}

// Empty, or what the front end or the library had against it.
std::string build(fe::graph::Graph& graph, cudnnContext* handle) {
  fe::error_t error = graph.validate();
  if (error.is_good()) error = graph.build_operation_graph(handle);
  if (error.is_good()) error = graph.create_execution_plans({fe::HeurMode_t::A});
  if (error.is_good()) error = graph.check_support();
  if (error.is_good()) error = graph.build_plans();
  return error.is_good() ? "" : "cuDNN: " + error.get_message();
}

}  // namespace

struct Fp8Attention::Graph {
  fe::graph::Graph graph;
  int64_t workspace = 0;         // of cuDNN itself, whole alignments
  int64_t statistics_bytes = 0;  // 0: the graph writes none
};

Fp8Attention::Fp8Attention(std::unique_ptr<Graph> graph) : graph_(std::move(graph)) {}
Fp8Attention::~Fp8Attention() = default;

std::unique_ptr<Fp8Attention> Fp8Attention::make(cudnnContext* handle, const Fp8AttentionShape& s,
                                                 std::string* why) {
  if (!cudnn_loaded()) {
    *why = "no cuDNN in this process";
    return nullptr;
  }
  why->clear();
  // Some versions have engines only for the graph that training uses, which keeps a number a row.
  for (const bool statistics : {false, true}) {
    auto made = std::make_unique<Graph>();
    try {
      describe(made->graph, s, statistics);
      const std::string error = build(made->graph, handle);
      if (error.empty()) {
        const int64_t own = made->graph.get_workspace_size();
        made->workspace = (own + kAlignment - 1) / kAlignment * kAlignment;
        if (statistics) made->statistics_bytes = s.heads * s.rows * int64_t{sizeof(float)};
        return std::unique_ptr<Fp8Attention>(new Fp8Attention(std::move(made)));
      }
      *why += error + "\n";
    } catch (const std::exception& error) {  // the front end's, for a GPU without fp8
      *why += std::string(error.what()) + "\n";
    }
  }
  return nullptr;
}

int64_t Fp8Attention::workspace_bytes() const {
  return graph_->workspace + 2 * kAlignment + graph_->statistics_bytes;
}

bool Fp8Attention::run(cudnnContext* handle, const Fp8AttentionPointers& p) const {
  char* const unread = static_cast<char*>(p.workspace) + graph_->workspace;
  const auto in = [](const void* pointer) { return const_cast<void*>(pointer); };
  std::unordered_map<int64_t, void*> pointers = {{kQ, in(p.q)},
                                                 {kK, in(p.k)},
                                                 {kV, in(p.v)},
                                                 {kY, p.y},
                                                 {kDescaleQ, in(p.descale_q)},
                                                 {kDescaleK, in(p.descale_k)},
                                                 {kDescaleV, in(p.descale_v)},
                                                 {kDescaleSoftmax, in(p.descale_softmax)},
                                                 {kScaleSoftmax, in(p.scale_softmax)},
                                                 {kScaleY, in(p.scale_y)},
                                                 {kLargestSoftmax, unread},
                                                 {kLargestY, unread + kAlignment}};
  if (graph_->statistics_bytes > 0) pointers[kStatistics] = unread + 2 * kAlignment;
  return graph_->graph.execute(handle, pointers, p.workspace).is_good();
}

}  // namespace zoetrope::kernels
