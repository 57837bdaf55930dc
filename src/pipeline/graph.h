// Graph: a pipeline as data. Roles (text_encode, denoise, ...) joined by edges that carry Bundles.
// Roles are found by name when the graph runs, so a role may live anywhere that can take a Bundle.
//
//   Graph g;
//   const auto text = g.role("text_encode", {g.input("prompt")});
//   const auto image = g.role("image_encode", {g.input("picture")});
//   g.output("frames", g.role("decode", {g.role("denoise", {text, image})}));
#pragma once

#include <c10/core/Device.h>

#include <functional>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "base/progress.h"
#include "pipeline/bundle.h"

namespace zoetrope::pipeline {

class Graph {
 public:
  // The result of a node, or an input of the graph.
  struct Value {
    size_t node;
  };
  struct Node {
    std::string name;
    std::vector<Value> inputs;
    bool is_input = false;
  };

  Value input(std::string name);
  // One node per role name: a role that is wanted twice gets two names.
  Value role(std::string name, std::vector<Value> inputs);
  void output(std::string name, Value value);

  // In an order in which every node stands after its inputs.
  const std::vector<Node>& nodes() const { return nodes_; }
  const std::map<std::string, Value>& outputs() const { return outputs_; }

 private:
  Value add(Node node);

  std::vector<Node> nodes_;
  std::map<std::string, Value> outputs_;
};

// What every role of one run is given. The sink may be called from several threads at once.
struct RunContext {
  base::ProgressSink progress;
  base::CancelToken cancel;
};

using Role = std::function<Bundle(std::span<const Bundle> inputs, const RunContext& context)>;
using RoleTable = std::map<std::string, Role>;

// The role as the thread of a model needs it: whether gradients are recorded, and the present GPU,
// are properties of the thread, and every role may run on a thread of its own.
Role on_model_thread(at::Device device, Role role);
using BundleMap = std::map<std::string, Bundle>;

struct RoleTiming {
  std::string role;
  double seconds = 0;
};

struct GraphResult {
  BundleMap outputs;
  std::vector<RoleTiming> timings;  // in order of completion
};

// Runs each role as soon as its inputs are there: roles that do not depend on each other run at the
// same time, on threads of their own. A Bundle is dropped once its last reader has finished.
//
// Throws the first exception of a role, after the roles that were running have returned; no role
// starts after a failure or a cancel. Throws kInternal for a missing input or an unknown role name
// before anything runs.
GraphResult run(const Graph& graph, const RoleTable& roles, BundleMap inputs,
                const RunContext& context);

}  // namespace zoetrope::pipeline
