#include "traffic/policy/oracle.h"

#include <algorithm>
#include <boost/graph/adjacency_list.hpp>
#include <boost/graph/push_relabel_max_flow.hpp>
#include <numeric>

#include "traffic/policy/shares.h"

namespace zoetrope::traffic::policy {
namespace {

using Traits = boost::adjacency_list_traits<boost::vecS, boost::vecS, boost::directedS>;
using Graph = boost::adjacency_list<
    boost::vecS, boost::vecS, boost::directedS, boost::no_property,
    boost::property<
        boost::edge_capacity_t, Millirps,
        boost::property<boost::edge_residual_capacity_t, Millirps,
                        boost::property<boost::edge_reverse_t, Traits::edge_descriptor>>>>;

void add_edge(Graph& graph, int from, int to, Millirps capacity) {
  const auto forth = boost::add_edge(from, to, graph).first;
  const auto back = boost::add_edge(to, from, graph).first;
  boost::put(boost::edge_capacity, graph, forth, capacity);
  boost::put(boost::edge_capacity, graph, back, 0);
  boost::put(boost::edge_reverse, graph, forth, back);
  boost::put(boost::edge_reverse, graph, back, forth);
}

}  // namespace

Millirps least_residual(const Topology& topology, const RoutingOptions& options,
                        const Problem& problem) {
  const int size = topology.size();
  const int source = 3 * size, sink = source + 1;
  Graph graph(sink + 1);  // users of a region, its gateway for imports, its workers
  for (int s = 0; s < size; ++s) {
    const Millirps demand = problem.demand[s], capacity = problem.capacity[s];
    const Ppm full = to_ppm(options.thresholds[kRings - 1]) - to_ppm(options.margin);
    const Millirps imports = share_of(capacity, full);
    add_edge(graph, source, s, demand);
    add_edge(graph, s, 2 * size + s, std::min(demand, capacity));
    add_edge(graph, size + s, 2 * size + s, imports);
    add_edge(graph, 2 * size + s, sink, std::max(imports, std::min(demand, capacity)));
    for (const Target& target : topology.targets[s]) {
      add_edge(graph, s, size + target.region, demand);
    }
  }
  const Millirps total = std::accumulate(problem.demand.begin(), problem.demand.end(), Millirps{0});
  return total - boost::push_relabel_max_flow(graph, source, sink);
}

}  // namespace zoetrope::traffic::policy
