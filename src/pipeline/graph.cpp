#include "pipeline/graph.h"

#include <c10/core/DeviceGuard.h>
#include <c10/core/GradMode.h>

#include <chrono>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <thread>

#include "base/status.h"

namespace zoetrope::pipeline {

Graph::Value Graph::add(Node node) {
  for (const Node& known : nodes_) {
    if (known.name == node.name) {
      throw base::Error(base::StatusCode::kInternal,
                        "two nodes of the graph are called " + node.name);
    }
  }
  for (const Value input : node.inputs) {
    base::require(input.node < nodes_.size(), "an edge of the graph starts nowhere");
  }
  nodes_.push_back(std::move(node));
  return {nodes_.size() - 1};
}

Graph::Value Graph::input(std::string name) { return add({std::move(name), {}, true}); }

Graph::Value Graph::role(std::string name, std::vector<Value> inputs) {
  return add({std::move(name), std::move(inputs), false});
}

void Graph::output(std::string name, Value value) { outputs_[std::move(name)] = value; }

namespace {

// One run of one graph. Every thread that finishes a role takes over one role that became ready and
// starts a thread for each further one, so a chain stays on its thread.
class Execution {
 public:
  Execution(const Graph& graph, const RoleTable& roles, const RunContext& context)
      : graph_(graph), roles_(roles), context_(context), states_(graph.nodes().size()) {
    for (const Graph::Node& node : graph.nodes()) {
      for (const Graph::Value input : node.inputs) ++states_[input.node].readers;
    }
    for (const auto& [name, value] : graph.outputs()) ++states_[value.node].readers;
  }

  GraphResult run(BundleMap inputs) {
    prepare(inputs);
    start(take_ready());
    {
      std::unique_lock lock(mutex_);
      idle_.wait(lock, [&] { return running_ == 0; });
    }
    threads_.clear();  // joins
    if (failure_) std::rethrow_exception(failure_);
    context_.cancel.check();
    GraphResult result{{}, std::move(timings_)};
    for (const auto& [name, value] : graph_.outputs()) {
      result.outputs[name] = states_[value.node].result;
    }
    return result;
  }

 private:
  struct State {
    size_t missing = 0;  // inputs that are not there yet
    size_t readers = 0;  // roles and outputs that still want the result
    bool started = false;
    Bundle result;
  };

  void prepare(BundleMap& inputs) {
    for (size_t i = 0; i < states_.size(); ++i) {
      const Graph::Node& node = graph_.nodes()[i];
      const bool known = node.is_input ? inputs.contains(node.name) : roles_.contains(node.name);
      if (!known) {
        throw base::Error(
            base::StatusCode::kInternal,
            (node.is_input ? "no bundle for input " : "nobody plays the role ") + node.name);
      }
      if (node.is_input) {
        states_[i].started = true;
        states_[i].result = std::move(inputs.at(node.name));
      } else {
        for (const Graph::Value input : node.inputs) {
          if (!graph_.nodes()[input.node].is_input) ++states_[i].missing;
        }
      }
    }
  }

  // Precondition: mutex_ is held, or no other thread runs yet.
  std::vector<size_t> take_ready() {
    std::vector<size_t> ready;
    if (failure_ || context_.cancel.cancelled()) return ready;
    for (size_t i = 0; i < states_.size(); ++i) {
      if (states_[i].started || states_[i].missing > 0) continue;
      states_[i].started = true;
      ready.push_back(i);
    }
    running_ += ready.size();
    return ready;
  }

  // Runs `ready` and all that follows from it: the first on this thread, the others on new ones.
  void start(std::vector<size_t> ready) {
    while (!ready.empty()) {
      for (size_t i = 1; i < ready.size(); ++i) {
        const std::lock_guard lock(mutex_);
        threads_.emplace_back([this, node = ready[i]] { start(play(node)); });
      }
      ready = play(ready.front());
    }
  }

  // Runs one role; returns what became ready by it, already counted as running.
  std::vector<size_t> play(size_t index) {
    const Graph::Node& node = graph_.nodes()[index];
    Bundle result;
    std::exception_ptr failure;
    const auto begin = std::chrono::steady_clock::now();
    try {
      result = roles_.at(node.name)(inputs_of(node), context_);
    } catch (...) {
      failure = std::current_exception();
    }
    const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - begin;

    const std::lock_guard lock(mutex_);
    if (failure && !failure_) failure_ = failure;
    timings_.push_back({node.name, taken.count()});
    states_[index].result = std::move(result);
    for (const Graph::Value input : node.inputs) {
      if (--states_[input.node].readers == 0) states_[input.node].result = {};
    }
    for (size_t i = 0; i < states_.size(); ++i) {
      for (const Graph::Value input : graph_.nodes()[i].inputs) {
        if (input.node == index) --states_[i].missing;
      }
    }
    std::vector<size_t> ready = take_ready();
    if (--running_ == 0) idle_.notify_all();
    return ready;
  }

  std::vector<Bundle> inputs_of(const Graph::Node& node) {
    const std::lock_guard lock(mutex_);
    std::vector<Bundle> inputs;
    for (const Graph::Value input : node.inputs) inputs.push_back(states_[input.node].result);
    return inputs;
  }

  const Graph& graph_;
  const RoleTable& roles_;
  const RunContext& context_;

  std::mutex mutex_;  // guards everything below
  std::condition_variable idle_;
  std::vector<State> states_;
  std::vector<RoleTiming> timings_;
  std::exception_ptr failure_;
  size_t running_ = 0;
  std::vector<std::jthread> threads_;
};

}  // namespace

GraphResult run(const Graph& graph, const RoleTable& roles, BundleMap inputs,
                const RunContext& context) {
  return Execution(graph, roles, context).run(std::move(inputs));
}

Role on_model_thread(at::Device device, Role role) {
  return
      [device, role = std::move(role)](std::span<const Bundle> inputs, const RunContext& context) {
        const c10::NoGradGuard no_gradients;
        const c10::DeviceGuard on_device(device);
        return role(inputs, context);
      };
}

}  // namespace zoetrope::pipeline
