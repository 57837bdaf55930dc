// What engine/api/job_store.h promises, line by line, of every store.
#include <gmock/gmock.h>

#include "store/test_stores.h"

namespace zoetrope::store {
namespace {

using base::StatusCode;
using engine::Job;
using engine::JobQuery;
using engine::JobState;
using testing::describe;
using ::testing::ElementsAre;
using testing::ended;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::make_job;

constexpr int64_t kNoLimit = 1000;

class Store : public testing::OnEveryStore {
 protected:
  Job create(const std::string& id, int64_t created_ms, const std::string& owner = "ann") {
    Job job = make_job(id, created_ms);
    job.owner = owner;
    return store_->create(job, kNoLimit).value_or_throw();
  }
  Job claim(const std::string& server, int64_t now_ms, int64_t lease_until_ms) {
    auto job = store_->claim(server, now_ms, lease_until_ms).value_or_throw();
    return job.value_or(Job());
  }
  Job find(const std::string& id) { return store_->find("ann", id).value_or_throw(); }
  // A job in that final state.
  Job make_final(const std::string& id, int64_t created_ms, JobState state, int64_t expires_ms) {
    create(id, created_ms);
    const Job job = ended(claim("a", created_ms, created_ms + 10), state, created_ms, expires_ms);
    EXPECT_EQ(job.id, id);
    EXPECT_TRUE(store_->finish(job).ok());
    return job;
  }
  std::vector<std::string> ids(const JobQuery& query, bool has_more) {
    const auto page = store_->list(query).value_or_throw();
    EXPECT_EQ(page.has_more, has_more);
    std::vector<std::string> ids;
    for (const Job& job : page.jobs) ids.push_back(job.id);
    return ids;
  }
};

INSTANTIATE_TEST_SUITE_P(Every, Store, ::testing::ValuesIn(testing::all_kinds()),
                         testing::kind_name);

TEST_P(Store, KeepsEveryField) {
  Job job = make_job("video_1", 1000);
  job.idempotency_key = "clé";
  job.attended = true;
  job.what.request.picture = media::Image(2, 1);
  const Job created = store_->create(job, 1).value_or_throw();
  EXPECT_TRUE(created.what.request.picture.empty());  // kept beside the job, not in it
  job.server = "";                                    // nobody runs it yet
  EXPECT_EQ(describe(created), describe(job));
  EXPECT_EQ(describe(find("video_1")), describe(job));

  const Job claimed = claim("b", 1500, 2500);
  job.state = JobState::kInProgress;
  job.server = "b";
  job.started_ms = 1500;
  job.lease_until_ms = 2500;
  job.attempt = 1;
  EXPECT_EQ(describe(claimed), describe(job));
  EXPECT_EQ(describe(find("video_1")), describe(job));

  const Job done = ended(job, JobState::kCompleted, 1900, 9000);
  ASSERT_TRUE(store_->finish(done).ok());
  job = done;
  job.lease_until_ms = 0;
  EXPECT_EQ(describe(find("video_1")), describe(job));
}

TEST_P(Store, AFailedJobSaysWhy) {
  create("video_1", 1);
  const Job job = ended(claim("a", 1, 9), JobState::kFailed, 5);
  ASSERT_TRUE(store_->finish(job).ok());
  const Job found = find("video_1");
  EXPECT_EQ(found.state, JobState::kFailed);
  ASSERT_TRUE(found.error);
  EXPECT_EQ(found.error->code, StatusCode::kDeadlineExceeded);
  EXPECT_EQ(found.error->message, "out of time");
  EXPECT_FALSE(found.report);
}

TEST_P(Store, TextOfStrangers) {
  Job job = make_job("video_1", 1);
  job.what.request.prompt = std::string("nul \0 and \xFF", 11);
  ASSERT_TRUE(store_->create(job, kNoLimit).ok());
  EXPECT_EQ(find("video_1").what.request.prompt, std::string("nul \0 and \xEF\xBF\xBD", 13));
  job = ended(claim("a", 1, 2), JobState::kFailed, 5);
  job.error->message = std::string("bad \xFE\0", 6);
  ASSERT_TRUE(store_->finish(job).ok());
  EXPECT_THAT(find("video_1").error->message, HasSubstr("bad \xEF\xBF\xBD"));

  for (const std::string& text : {std::string("\xFF"), std::string("a\0b", 3)}) {
    Job bad = make_job("video_2", 1);
    bad.idempotency_key = text;
    EXPECT_EQ(store_->create(bad, kNoLimit).status().code(), StatusCode::kInvalidArgument);
    EXPECT_EQ(store_->create(bad, kNoLimit).status().message(),
              "idempotency_key: must be UTF-8 without NUL");
    EXPECT_EQ(store_->find("ann", text).status().code(), StatusCode::kNotFound);
    EXPECT_EQ(store_->find(text, "video_1").status().code(), StatusCode::kNotFound);
    EXPECT_FALSE(store_->find_by_key("ann", text).value_or_throw());
    EXPECT_EQ(store_->cancel("ann", text, 1).status().code(), StatusCode::kNotFound);
    EXPECT_EQ(store_->remove("ann", text).code(), StatusCode::kNotFound);
    EXPECT_EQ(store_->list({.owner = "ann", .after = text}).status().code(), StatusCode::kNotFound);
  }
}

TEST_P(Store, TheSameKeyGivesTheSameJob) {
  Job job = make_job("video_1", 1);
  job.idempotency_key = "key";
  ASSERT_TRUE(store_->create(job, 1).ok());
  Job again = make_job("video_2", 2);
  again.idempotency_key = "key";
  // Even when there is no place for another one.
  EXPECT_EQ(store_->create(again, 1).value_or_throw().id, "video_1");
  EXPECT_EQ(store_->count_open().value_or_throw(), 1);
  EXPECT_EQ(store_->find_by_key("ann", "key").value_or_throw()->id, "video_1");

  again.owner = "bob";
  EXPECT_EQ(store_->create(again, 9).value_or_throw().id, "video_2");  // an owner's own
  EXPECT_EQ(store_->find_by_key("bob", "key").value_or_throw()->id, "video_2");
  EXPECT_FALSE(store_->find_by_key("bob", "other").value_or_throw());
  EXPECT_FALSE(store_->find_by_key("eve", "key").value_or_throw());
}

TEST_P(Store, WithoutKeysJobsAreTheirOwn) {
  create("video_1", 1);
  EXPECT_EQ(create("video_2", 1).id, "video_2");
  EXPECT_FALSE(store_->find_by_key("ann", "").value_or_throw());
}

TEST_P(Store, CreatingTheSameJobTwiceKeepsOne) {
  create("video_1", 1);
  claim("a", 5, 9);
  EXPECT_EQ(create("video_1", 2).state, JobState::kInProgress);
  EXPECT_EQ(store_->count_open().value_or_throw(), 1);
}

TEST_P(Store, RefusesMoreThanItsCapacity) {
  ASSERT_TRUE(store_->create(make_job("video_1", 1), 2).ok());
  ASSERT_TRUE(store_->create(make_job("video_2", 2), 2).ok());
  const auto refused = store_->create(make_job("video_3", 3), 2);
  EXPECT_EQ(refused.status().code(), StatusCode::kResourceExhausted);
  EXPECT_EQ(refused.status().message(), "busy: 2 of 2 places taken");
  EXPECT_EQ(store_->find("ann", "video_3").status().code(), StatusCode::kNotFound);

  ASSERT_TRUE(store_->finish(ended(claim("a", 1, 9), JobState::kCompleted, 2)).ok());
  EXPECT_TRUE(store_->create(make_job("video_3", 3), 2).ok());
  EXPECT_EQ(store_->create(make_job("video_4", 3), 0).status().code(),
            StatusCode::kResourceExhausted);
}

TEST_P(Store, WhatAnotherServerRunsTakesNoPlaceHere) {
  create("video_1", 1);
  claim("b", 1, 9);
  EXPECT_TRUE(store_->create(make_job("video_2", 2), 1).ok());  // of server "a"
  // What waits may become this server's.
  EXPECT_FALSE(store_->create(make_job("video_3", 2), 1).ok());
}

TEST_P(Store, OthersJobsAreNotFound) {
  create("video_1", 1, "bob");
  for (const auto* id : {"video_1", "", "nonsense"}) {
    EXPECT_EQ(store_->find("ann", id).status().code(), StatusCode::kNotFound);
    EXPECT_EQ(store_->cancel("ann", id, 1).status().code(), StatusCode::kNotFound);
    EXPECT_EQ(store_->remove("ann", id).code(), StatusCode::kNotFound);
  }
  EXPECT_THAT(store_->find("ann", "video_1").status().message(), HasSubstr("video_1"));
  EXPECT_EQ(store_->list({.owner = "ann", .after = "video_1"}).status().code(),
            StatusCode::kNotFound);
  EXPECT_THAT(ids({.owner = "ann", .after = ""}, false), IsEmpty());
}

TEST_P(Store, ListsInPages) {
  // Times in disorder, one of them twice: the id decides.
  create("video_d", 300);
  create("video_a", 100);
  create("video_c", 200);
  create("video_b", 200);
  create("video_x", 150, "bob");
  EXPECT_THAT(ids({.owner = "ann", .after = ""}, false),
              ElementsAre("video_d", "video_c", "video_b", "video_a"));
  EXPECT_THAT(ids({.owner = "ann", .after = "", .limit = 4}, false),
              ElementsAre("video_d", "video_c", "video_b", "video_a"));
  EXPECT_THAT(ids({.owner = "ann", .after = "", .limit = 2}, true),
              ElementsAre("video_d", "video_c"));
  EXPECT_THAT(ids({.owner = "ann", .after = "video_c", .limit = 1}, true), ElementsAre("video_b"));
  EXPECT_THAT(ids({.owner = "ann", .after = "video_b", .limit = 1}, false), ElementsAre("video_a"));
  EXPECT_THAT(ids({.owner = "ann", .after = "video_a"}, false), IsEmpty());
  EXPECT_THAT(ids({.owner = "ann", .after = "", .limit = 3, .newest_first = false}, true),
              ElementsAre("video_a", "video_b", "video_c"));
  EXPECT_THAT(ids({.owner = "ann", .after = "video_b", .newest_first = false}, false),
              ElementsAre("video_c", "video_d"));
  EXPECT_EQ(store_->list({.owner = "ann", .after = "gone"}).status().code(), StatusCode::kNotFound);
  EXPECT_EQ(store_->list({.owner = "ann", .after = "", .limit = 0}).status().code(),
            StatusCode::kInvalidArgument);
}

TEST_P(Store, ClaimsTheOldestThatWaits) {
  EXPECT_FALSE(store_->claim("a", 1, 2).value_or_throw());
  create("video_2", 200);
  create("video_1", 100);
  EXPECT_EQ(claim("a", 1000, 2000).id, "video_1");
  EXPECT_EQ(claim("b", 1000, 2000).id, "video_2");
  EXPECT_FALSE(store_->claim("a", 1001, 2001).value_or_throw());
}

TEST_P(Store, ALeaseThatRanOutIsTakenOver) {
  create("video_1", 100);
  const Job first = claim("a", 1000, 2000);
  EXPECT_FALSE(store_->claim("b", 2000, 3000).value_or_throw());
  const Job second = claim("b", 2001, 3001);
  EXPECT_EQ(second.id, "video_1");
  EXPECT_EQ(second.attempt, 2);
  EXPECT_EQ(second.started_ms, 2001);
  // The first has lost it.
  EXPECT_EQ(store_->renew("video_1", "a", first.attempt, 9000).status().code(),
            StatusCode::kAborted);
  EXPECT_EQ(store_->release("video_1", "a", first.attempt).code(), StatusCode::kAborted);
  EXPECT_EQ(store_->finish(ended(first, JobState::kCompleted, 2002)).code(), StatusCode::kAborted);
  EXPECT_EQ(describe(find("video_1")), describe(second));
}

TEST_P(Store, RenewsItsLease) {
  create("video_1", 100);
  const Job job = claim("a", 1000, 2000);
  const Job renewed = store_->renew("video_1", "a", job.attempt, 5000).value_or_throw();
  EXPECT_EQ(renewed.lease_until_ms, 5000);
  EXPECT_FALSE(renewed.cancel_requested);
  EXPECT_FALSE(store_->claim("b", 4000, 9000).value_or_throw());
  EXPECT_EQ(store_->renew("video_1", "a", job.attempt + 1, 6000).status().code(),
            StatusCode::kAborted);
  EXPECT_EQ(store_->renew("video_1", "b", job.attempt, 6000).status().code(), StatusCode::kAborted);
  EXPECT_EQ(store_->renew("nonsense", "a", 1, 6000).status().code(), StatusCode::kAborted);
  ASSERT_TRUE(store_->cancel("ann", "video_1", 1500).ok());
  EXPECT_TRUE(store_->renew("video_1", "a", job.attempt, 5000).value_or_throw().cancel_requested);
}

TEST_P(Store, FinishesOnce) {
  create("video_1", 100);
  const Job running = claim("a", 1000, 2000);
  const Job done = ended(running, JobState::kCompleted, 1500, 7000);
  ASSERT_TRUE(store_->finish(done).ok());
  EXPECT_TRUE(store_->finish(done).ok());  // the same again: its answer may have been lost
  const std::string kept = describe(find("video_1"));
  EXPECT_EQ(store_->finish(ended(running, JobState::kFailed, 1600)).code(), StatusCode::kAborted);
  EXPECT_EQ(store_->finish(ended(running, JobState::kCompleted, 1600)).code(),
            StatusCode::kAborted);
  EXPECT_EQ(store_->release("video_1", "a", 1).code(), StatusCode::kAborted);
  EXPECT_EQ(store_->renew("video_1", "a", 1, 9000).status().code(), StatusCode::kAborted);
  EXPECT_FALSE(store_->claim("a", 99999, 99999).value_or_throw());
  EXPECT_EQ(describe(find("video_1")), kept);
  Job unfinished = running;
  EXPECT_EQ(store_->finish(unfinished).code(), StatusCode::kInvalidArgument);
}

TEST_P(Store, WhatIsReleasedWaitsAgain) {
  create("video_1", 100);
  const Job job = claim("a", 1000, 2000);
  ASSERT_TRUE(store_->release("video_1", "a", job.attempt).ok());
  EXPECT_EQ(find("video_1").state, JobState::kQueued);
  EXPECT_EQ(find("video_1").server, "");
  EXPECT_EQ(store_->release("video_1", "a", job.attempt).code(), StatusCode::kAborted);
  EXPECT_EQ(claim("b", 1001, 2001).attempt, 2);
}

TEST_P(Store, RecoversWhatTheServerRan) {
  for (const auto* id : {"video_1", "video_2", "video_3", "video_4"}) create(id, 100);
  claim("a", 1000, 2000);
  claim("b", 1000, 2000);
  claim("a", 1000, 2000);
  const auto recovered = store_->recover("a").value_or_throw();
  ASSERT_EQ(recovered.size(), 2);
  EXPECT_EQ(recovered[0].id, "video_1");
  EXPECT_EQ(recovered[0].state, JobState::kQueued);
  EXPECT_EQ(recovered[1].id, "video_3");
  EXPECT_EQ(find("video_2").server, "b");
  EXPECT_THAT(store_->recover("a").value_or_throw(), IsEmpty());
  EXPECT_EQ(claim("a", 1001, 2001).id, "video_1");
  EXPECT_EQ(find("video_1").attempt, 2);
}

TEST_P(Store, CancelsWhatWaitsAtOnce) {
  create("video_1", 100);
  const Job job = store_->cancel("ann", "video_1", 150).value_or_throw();
  EXPECT_EQ(job.state, JobState::kCancelled);
  EXPECT_EQ(job.finished_ms, 150);
  EXPECT_EQ(job.expires_ms, 150);  // nothing was made that could be kept
  EXPECT_FALSE(store_->claim("a", 200, 300).value_or_throw());
  EXPECT_EQ(store_->count_open().value_or_throw(), 0);
  // A time that was set stays.
  Job later = make_job("video_2", 100);
  later.expires_ms = 5000;
  ASSERT_TRUE(store_->create(later, kNoLimit).ok());
  EXPECT_EQ(store_->cancel("ann", "video_2", 150).value_or_throw().expires_ms, 5000);
}

TEST_P(Store, CancelsWhatRunsThroughItsServer) {
  create("video_1", 100);
  const Job running = claim("a", 1000, 2000);
  const Job asked = store_->cancel("ann", "video_1", 1500).value_or_throw();
  EXPECT_EQ(asked.state, JobState::kInProgress);
  EXPECT_TRUE(asked.cancel_requested);
  EXPECT_EQ(asked.finished_ms, 0);
  ASSERT_TRUE(store_->finish(ended(running, JobState::kCancelled, 1600)).ok());
  const Job cancelled = store_->cancel("ann", "video_1", 1700).value_or_throw();
  EXPECT_EQ(cancelled.state, JobState::kCancelled);
  EXPECT_EQ(cancelled.finished_ms, 1600);
}

TEST_P(Store, ACancelOutlivesItsServer) {
  create("video_1", 100);
  claim("a", 1000, 2000);
  ASSERT_TRUE(store_->cancel("ann", "video_1", 1500).ok());
  ASSERT_EQ(store_->recover("a").value_or_throw().size(), 1);
  EXPECT_TRUE(claim("a", 1600, 2600).cancel_requested);
}

TEST_P(Store, FinalJobsStayAsTheyAre) {
  const Job job = make_final("video_1", 100, JobState::kCompleted, 900);
  const std::string before = describe(find("video_1"));
  EXPECT_EQ(describe(store_->cancel("ann", "video_1", 500).value_or_throw()), before);
  EXPECT_EQ(describe(find("video_1")), before);
}

TEST_P(Store, ExpiresAndForgets) {
  make_final("video_1", 100, JobState::kCompleted, 1000);
  make_final("video_2", 100, JobState::kFailed, 1000);
  make_final("video_3", 100, JobState::kCancelled, 1001);
  make_final("video_4", 100, JobState::kCompleted, 0);  // never
  create("video_5", 100);
  create("video_6", 101);
  ASSERT_EQ(claim("a", 5, 1000000).id, "video_5");
  EXPECT_THAT(store_->expire(999, 500).value_or_throw(), IsEmpty());
  EXPECT_THAT(store_->expire(1000, 500).value_or_throw(),
              ::testing::UnorderedElementsAre("video_1", "video_2"));
  EXPECT_EQ(find("video_1").state, JobState::kExpired);
  EXPECT_TRUE(find("video_1").report);
  EXPECT_EQ(find("video_3").state, JobState::kCancelled);
  EXPECT_THAT(store_->expire(1400, 500).value_or_throw(), ElementsAre("video_3"));
  EXPECT_THAT(store_->expire(1500, 500).value_or_throw(), IsEmpty());
  EXPECT_EQ(store_->find("ann", "video_1").status().code(), StatusCode::kNotFound);
  EXPECT_EQ(find("video_3").state, JobState::kExpired);
  // After a long time off every job is still told of once before it is forgotten.
  make_final("video_7", 100, JobState::kCompleted, 2000);
  EXPECT_THAT(store_->expire(1000000, 500).value_or_throw(), ElementsAre("video_7"));
  EXPECT_EQ(find("video_7").state, JobState::kExpired);
  EXPECT_THAT(ids({.owner = "ann", .after = ""}, false),
              ElementsAre("video_6", "video_7", "video_5", "video_4"));
}

TEST_P(Store, RemovesFinalJobs) {
  Job job = make_job("video_1", 100);
  job.idempotency_key = "key";
  ASSERT_TRUE(store_->create(job, kNoLimit).ok());
  EXPECT_EQ(store_->remove("ann", "video_1").code(), StatusCode::kFailedPrecondition);
  job = claim("a", 1000, 2000);
  EXPECT_EQ(store_->remove("ann", "video_1").code(), StatusCode::kFailedPrecondition);
  ASSERT_TRUE(store_->finish(ended(job, JobState::kCompleted, 1500)).ok());
  EXPECT_EQ(store_->remove("bob", "video_1").code(), StatusCode::kNotFound);
  EXPECT_TRUE(store_->remove("ann", "video_1").ok());
  EXPECT_EQ(store_->remove("ann", "video_1").code(), StatusCode::kNotFound);
  EXPECT_EQ(store_->find("ann", "video_1").status().code(), StatusCode::kNotFound);
  EXPECT_EQ(store_->finish(ended(job, JobState::kCompleted, 1500)).code(), StatusCode::kAborted);
  Job again = make_job("video_2", 200);
  again.idempotency_key = "key";
  EXPECT_EQ(store_->create(again, kNoLimit).value_or_throw().id, "video_2");
}

TEST_P(Store, CountsWhatIsOpen) {
  EXPECT_EQ(store_->count_open().value_or_throw(), 0);
  make_final("video_0", 50, JobState::kCompleted, 0);
  create("video_1", 100);
  create("video_2", 100);
  claim("a", 1, 2);
  EXPECT_EQ(store_->count_open().value_or_throw(), 2);
}

}  // namespace
}  // namespace zoetrope::store
