// The stores that the shared tests run on, and jobs to put into them.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include "engine/api/job_store.h"

namespace zoetrope::store::testing {

// One empty store, which may be opened several times where the kind allows it.
class TestStore {
 public:
  virtual ~TestStore() = default;
  virtual std::unique_ptr<engine::JobStore> open() = 0;
};

struct StoreKind {
  std::string name;
  std::function<std::unique_ptr<TestStore>()> make;  // nullptr: not on this machine
};

inline void PrintTo(const StoreKind& kind, std::ostream* out) { *out << kind.name; }

std::vector<StoreKind> all_kinds();

// A fixture with an empty store, once for each kind:
//   INSTANTIATE_TEST_SUITE_P(Stores, X, ::testing::ValuesIn(all_kinds()), kind_name);
class OnEveryStore : public ::testing::TestWithParam<StoreKind> {
 protected:
  void SetUp() override;

  std::unique_ptr<TestStore> holder_;
  std::unique_ptr<engine::JobStore> store_;
};

std::string kind_name(const ::testing::TestParamInfo<StoreKind>& info);

// A queued job of "ann" with every field of its request set.
engine::Job make_job(const std::string& id, int64_t created_ms);
engine::JobReport make_report();

// `job` as its server "a" ends it.
engine::Job ended(engine::Job job, engine::JobState state, int64_t finished_ms,
                  int64_t expires_ms = 0);

// Every field as text, to compare jobs with.
std::string describe(const engine::Job& job);

}  // namespace zoetrope::store::testing
