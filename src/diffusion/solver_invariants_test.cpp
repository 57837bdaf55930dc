// What must hold of every solver whatever the network: exactness on a constant estimate, linearity,
// agreement of equivalent methods, independence of requests.
#include <gtest/gtest.h>

#include <functional>
#include <string>

#include "base/status.h"
#include "diffusion/ddim.h"
#include "diffusion/dpm_solver.h"
#include "diffusion/flow_euler.h"
#include "diffusion/unipc.h"
#include "tensor/noise.h"

namespace zoetrope::diffusion {
namespace {

at::Tensor random(int64_t n, uint64_t seed) {
  return tensor::gaussian_noise({n}, seed, 0, 0, at::kCPU).to(at::kDouble);
}

struct NamedGrid {
  std::string name;
  std::function<Grid(int)> make;
};

std::vector<NamedGrid> grids() {
  static const DiscreteSchedule table(BetaOptions{});
  static const DiscreteSchedule zero_snr(
      {.curve = BetaCurve::kSquaredCosine, .rescale_betas_zero_snr = true});
  static const CosineSchedule cosine(1.5);
  std::vector<NamedGrid> all = {
      {"flow", [](int n) { return make_flow_grid({}, FlowNodes::kUniPc, {}, n); }}};
  for (const Placement placement : {Placement::kUniformTime, Placement::kKarras,
                                    Placement::kLogSnrDiffusers, Placement::kLogSnrPaper}) {
    const GridOptions options{.placement = placement};
    const std::string suffix = " placement " + std::to_string(static_cast<int>(placement));
    all.push_back({"table" + suffix, [=](int n) { return make_grid(table, options, n); }});
    all.push_back({"zero snr" + suffix, [=](int n) { return make_grid(zero_snr, options, n); }});
    all.push_back({"cosine" + suffix, [=](int n) { return make_grid(cosine, options, n); }});
  }
  return all;
}

struct NamedSolver {
  std::string name;
  std::function<std::unique_ptr<SchedulerState>(Grid)> make;
};

template <typename State, typename Options>
NamedSolver solver(std::string name, Options options) {
  return {std::move(name),
          [options](Grid grid) { return std::make_unique<State>(std::move(grid), options); }};
}

std::vector<NamedSolver> solvers() {
  using Heun = DpmSolverOptions;
  const Prediction sample = Prediction::kSample;
  std::vector<NamedSolver> all = {solver<DdimState>("ddim", DdimOptions{.prediction = sample})};
  for (const int order : {1, 2, 3}) {
    const std::string suffix = std::to_string(order);
    for (const auto form : {Heun::Form::kMidpoint, Heun::Form::kHeun}) {
      all.push_back(solver<DpmSolverState>(
          "dpm" + suffix, DpmSolverOptions{.prediction = sample, .order = order, .form = form}));
    }
    for (const auto form : {UniPcOptions::Form::kBh1, UniPcOptions::Form::kBh2}) {
      all.push_back(solver<UniPcState>(
          "unipc" + suffix, UniPcOptions{.prediction = sample, .order = order, .form = form}));
    }
  }
  return all;
}

using Network = std::function<at::Tensor(const at::Tensor&, int)>;

at::Tensor run(SchedulerState& state, at::Tensor z, const Network& network, int from = 0) {
  for (int i = from; i < state.steps(); ++i) z = state.step(network(z, i), i, z);
  return z;
}

at::Tensor network(const at::Tensor& z, int i) { return at::sin(z * 1.3 + 0.1 * i) * 0.8; }

void expect_close(const at::Tensor& actual, const at::Tensor& expected, double tolerance) {
  EXPECT_LE(tensor::relative_l2(actual, expected), tolerance);
}

class SolverInvariantTest : public testing::Test {
 protected:
  void for_each(const std::function<void(const NamedSolver&, const NamedGrid&)>& body) {
    for (const NamedGrid& grid : grids()) {
      for (const NamedSolver& solver : solvers()) {
        SCOPED_TRACE(solver.name + " on " + grid.name);
        body(solver, grid);
      }
    }
  }
};

// With x0 constant the ODE is linear and every one of these methods solves it exactly.
TEST_F(SolverInvariantTest, AConstantEstimateIsSolvedExactly) {
  const at::Tensor z = random(5, 1);
  const at::Tensor x0 = random(5, 2);
  for_each([&](const NamedSolver& solver, const NamedGrid& grid) {
    for (const int steps : {1, 2, 3, 7, 20}) {
      const auto state = solver.make(grid.make(steps));
      const NoiseLevel first = state->at(0).from;
      const NoiseLevel last = state->at(state->steps() - 1).to;
      const double keep = last.sigma / first.sigma;
      const at::Tensor end = run(*state, z, [&](const at::Tensor&, int) { return x0; });
      expect_close(end, z * keep + x0 * (last.alpha - first.alpha * keep), 1e-10);
    }
  });
}

TEST_F(SolverInvariantTest, TheResultIsLinearInTheEstimates) {
  const at::Tensor za = random(4, 1);
  const at::Tensor zb = random(4, 2);
  const auto estimate = [](uint64_t stream) {
    return [stream](const at::Tensor&, int i) { return random(4, 100 * stream + i); };
  };
  for_each([&](const NamedSolver& solver, const NamedGrid& grid) {
    const auto end = [&](const at::Tensor& z, const Network& m) {
      return run(*solver.make(grid.make(9)), z, m);
    };
    const Network a = estimate(1);
    const Network b = estimate(2);
    const Network mixed = [&](const at::Tensor& z, int i) { return a(z, i) * 0.3 + b(z, i) * 2.0; };
    expect_close(end(za * 0.3 + zb * 2.0, mixed), end(za, a) * 0.3 + end(zb, b) * 2.0, 1e-11);
  });
}

TEST_F(SolverInvariantTest, ASplitRunEqualsTheWholeBitForBit) {
  for_each([&](const NamedSolver& solver, const NamedGrid& grid) {
    const at::Tensor z = random(4, 3).to(at::kFloat);
    const auto whole = solver.make(grid.make(9));
    const at::Tensor expected = run(*whole, z, network);
    for (const int cut : {1, 2, 5, 8}) {
      const auto first = solver.make(grid.make(9));
      at::Tensor middle = z;
      for (int i = 0; i < cut; ++i) middle = first->step(network(middle, i), i, middle);
      const auto second = first->clone();
      run(*first, middle, network, cut);  // going on must not disturb the copy
      EXPECT_TRUE(at::equal(run(*second, middle, network, cut), expected)) << "cut " << cut;
    }
  });
}

TEST_F(SolverInvariantTest, InterleavedRequestsEqualSoloRuns) {
  for_each([&](const NamedSolver& solver, const NamedGrid& grid) {
    const at::Tensor za = random(4, 4).to(at::kFloat);
    const at::Tensor zb = random(4, 5).to(at::kFloat);
    const at::Tensor solo_a = run(*solver.make(grid.make(6)), za, network);
    const at::Tensor solo_b = run(*solver.make(grid.make(6)), zb, network);
    const auto a = solver.make(grid.make(6));
    const auto b = solver.make(grid.make(6));
    at::Tensor x = za.clone();
    at::Tensor y = zb.clone();
    for (int i = 0; i < a->steps(); ++i) {
      x = a->step(network(x, i), i, x);
      y = b->step(network(y, i), i, y);
    }
    EXPECT_TRUE(at::equal(x, solo_a));
    EXPECT_TRUE(at::equal(y, solo_b));
  });
}

TEST_F(SolverInvariantTest, InputsAreNotChanged) {
  for_each([&](const NamedSolver& solver, const NamedGrid& grid) {
    const auto state = solver.make(grid.make(5));
    at::Tensor z = random(4, 6);
    for (int i = 0; i < state->steps(); ++i) {
      const at::Tensor output = network(z, i);
      const at::Tensor z_copy = z.clone();
      const at::Tensor output_copy = output.clone();
      const at::Tensor next = state->step(output, i, z);
      EXPECT_TRUE(at::equal(z, z_copy));
      EXPECT_TRUE(at::equal(output, output_copy));
      z = next;
    }
  });
}

TEST(SolverEquivalenceTest, FirstOrderDpmSolverIsDdim) {
  for (const NamedGrid& grid : grids()) {
    SCOPED_TRACE(grid.name);
    DdimState ddim(grid.make(12), {.prediction = Prediction::kSample});
    DpmSolverState dpm(grid.make(12), {.prediction = Prediction::kSample, .order = 1});
    const at::Tensor z = random(6, 7);
    expect_close(run(dpm, z, network), run(ddim, z, network), 1e-12);
  }
}

TEST(SolverEquivalenceTest, FlowEulerIsFirstOrderDpmSolver) {
  const auto grid = [] { return make_flow_grid({.shift = 3.0}, FlowNodes::kEuler, {}, 12); };
  FlowEulerState euler(grid());
  DpmSolverState dpm(grid(), {.prediction = Prediction::kFlow, .order = 1});
  const at::Tensor z = random(6, 8);
  expect_close(run(dpm, z, network), run(euler, z, network), 1e-12);
}

// The kinds of prediction describe one estimate: the right outputs for the same x0 give one result.
TEST(SolverEquivalenceTest, PredictionTypesAgree) {
  const auto grid = [] { return make_grid(DiscreteSchedule(BetaOptions{}), {}, 10); };
  const at::Tensor z = random(6, 9);
  const auto end = [&](Prediction prediction) {
    DpmSolverState state(grid(), {.prediction = prediction});
    return run(state, z, [&](const at::Tensor& sample, int i) -> at::Tensor {
      const NoiseLevel& level = state.at(i).from;
      const at::Tensor x0 = network(sample, i);
      const at::Tensor noise = (sample - x0 * level.alpha) / level.sigma;
      if (prediction == Prediction::kEpsilon) return noise;
      if (prediction == Prediction::kV) return noise * level.alpha - x0 * level.sigma;
      return x0;
    });
  };
  const at::Tensor expected = end(Prediction::kSample);
  expect_close(end(Prediction::kEpsilon), expected, 1e-10);
  expect_close(end(Prediction::kV), expected, 1e-10);
}

// Zero terminal SNR: the step from alpha = 0 lands where DDIM's formula says, for every solver.
TEST(ZeroTerminalSnrTest, TheFirstStepIsTheExactJump) {
  const auto grid = [] {
    return make_grid(CosineSchedule(), {.placement = Placement::kLogSnrPaper}, 8);
  };
  const at::Tensor z = random(6, 10);
  const at::Tensor x0 = network(z, 0);
  const NoiseLevel to = level_from_lambda(-4.0);
  for (const NamedSolver& solver : solvers()) {
    SCOPED_TRACE(solver.name);
    const auto state = solver.make(grid());
    EXPECT_EQ(state->at(0).from.alpha, 0.0);
    EXPECT_EQ(state->timestep(0), 1000.0);
    expect_close(state->step(x0, 0, z), x0 * to.alpha + z * to.sigma, 1e-14);
  }
}

TEST(SchedulerStateTest, TakesBfloat16OutputsAndKeepsTheSampleInFp32) {
  DdimState state(make_grid(CosineSchedule(), {}, 4), {.prediction = Prediction::kV});
  const at::Tensor z = random(6, 11).to(at::kFloat);
  const at::Tensor output = network(z, 0).to(at::kBFloat16);
  const at::Tensor next = state.step(output, 0, z);
  EXPECT_EQ(next.scalar_type(), at::kFloat);
  DdimState other(make_grid(CosineSchedule(), {}, 4), {.prediction = Prediction::kV});
  EXPECT_TRUE(at::equal(next, other.step(output.to(at::kFloat), 0, z)));
}

TEST(SchedulerStateTest, MayStartLateButNotSkip) {
  const at::Tensor z = random(6, 12);
  UniPcState state(make_grid(CosineSchedule(), {}, 8), {.prediction = Prediction::kSample});
  const at::Tensor next = state.step(z, 3, z);
  EXPECT_THROW(state.step(z, 5, next), base::Error);
  EXPECT_THROW(state.step(z, 3, next), base::Error);
  EXPECT_NO_THROW(state.step(z, 4, next));
}

TEST(SchedulerStateTest, RefusesWhatItCannotUse) {
  const at::Tensor z = random(6, 13);
  DdimState state(make_grid(CosineSchedule(), {}, 4), {.prediction = Prediction::kSample});
  EXPECT_THROW(state.step(z, -1, z), base::Error);
  EXPECT_THROW(state.step(z, 4, z), base::Error);
  EXPECT_THROW(state.step(z, 0, z.to(at::kBFloat16)), base::Error);
  EXPECT_THROW(state.step(z.unsqueeze(0), 0, z), base::Error);
  DdimState epsilon(make_grid(CosineSchedule(), {}, 4), {.prediction = Prediction::kEpsilon});
  EXPECT_THROW(epsilon.step(z, 0, z), base::Error);
}

TEST(SchedulerStateTest, ThePreviewIsTheEstimateOfTheStep) {
  DdimState state(make_grid(CosineSchedule(), {}, 4), {.prediction = Prediction::kV});
  const at::Tensor z = random(6, 14);
  const at::Tensor output = network(z, 2);
  const NoiseLevel& level = state.at(2).from;
  expect_close(state.predicted_x0(output, 2, z), z * level.alpha - output * level.sigma, 1e-15);
}

}  // namespace
}  // namespace zoetrope::diffusion
