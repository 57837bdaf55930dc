// The parts that stand alone: names, fingerprints, folders, places.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "engine/jobs/admission.h"
#include "engine/jobs/context.h"
#include "engine/jobs/fakes.h"
#include "engine/jobs/fingerprint.h"
#include "engine/jobs/job_folders.h"
#include "engine/jobs/job_id.h"
#include "engine/jobs/new_job.h"

namespace zoetrope::engine::jobs {
namespace {

namespace fs = std::filesystem;
using base::StatusCode;

TEST(JobIdTest, SortsAsMadeEvenIfTheClockStandsOrRunsBack) {
  // Ids of other tests in this process may stand before these: from a moment that none has reached.
  const int64_t soon = now_ms() + 1000;
  std::string last;
  for (const int64_t now : {soon, soon, soon, soon - 500, soon + 1, soon + 2}) {
    const std::string id = new_job_id("video", now);
    EXPECT_LT(last, id);
    EXPECT_GE(job_id_time_ms(id).value(), now);
    last = id;
  }
  EXPECT_EQ(job_id_time_ms(last), soon + 2);
}

TEST(JobIdTest, OnlyIdsAreIds) {
  const std::string id = new_job_id("image", 1);
  EXPECT_TRUE(job_id_time_ms(id).has_value());
  for (const std::string& other :
       {std::string(), id + "0", id.substr(1), "file_" + id.substr(6), std::string(".."),
        std::string("video_../../../../../../../../etc/pass")}) {
    EXPECT_FALSE(job_id_time_ms(other).has_value()) << other;
  }
}

TEST(NewJobTest, KeepsEveryFieldButThePicture) {
  const Bench bench;
  NewJob asked = bench.wish();
  Request& request = asked.what.request;
  request.negative_prompt = "blur";
  request.width = request.height = 64;
  request.true_cfg_scale = 4;
  request.strength = 0.5;
  asked.what.count = 3;
  const media::Image picture = request.picture;
  const Job job = make_job(asked, bench.options, 1);
  EXPECT_EQ(request_json(job.what), request_json(asked.what));
  EXPECT_TRUE(job.what.request.picture.empty());
  EXPECT_EQ(request.picture, picture);
}

TEST(FingerprintTest, TellsFieldsAndPixelsApart) {
  const Bench bench;
  const JobRequest one = bench.wish().what;
  JobRequest other = one;
  EXPECT_EQ(fingerprint(one), fingerprint(other));
  other.request.prompt += "!";
  EXPECT_NE(fingerprint(one), fingerprint(other));
  other = one;
  other.request.picture.rgb.back() ^= 1;
  EXPECT_NE(fingerprint(one), fingerprint(other));
  other = one;
  std::swap(other.request.picture.width, other.request.picture.height);
  EXPECT_NE(fingerprint(one), fingerprint(other)) << "the same bytes in another shape";
  other = one;
  other.request.frame = 1;
  EXPECT_NE(fingerprint(one), fingerprint(other));
}

TEST(JobFoldersTest, KeepsWhatItIsGiven) {
  const test_support::TemporaryFolder root;
  const JobFolders folders = JobFolders::open(root.path() / "new" / "jobs").value_or_throw();
  const std::string id = new_job_id("video", 1234);
  const media::Image picture(5, 3, {9, 8, 7});
  ASSERT_TRUE(folders.create(id, "anna", picture).ok());
  EXPECT_FALSE(folders.create(id, "anna", picture).ok()) << "an id is used once";
  EXPECT_EQ(folders.read_picture(id).value_or_throw(), picture);
  const std::vector<uint8_t> bytes = {1, 2, 3};
  ASSERT_TRUE(folders.write(id, "0.mp4", bytes).ok());
  EXPECT_EQ(folders.read(id, "0.mp4").value_or_throw(), bytes);

  fs::create_directory(root.path() / "new" / "jobs" / "somebody's");
  const auto found = folders.list();
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].id, id);
  EXPECT_EQ(found[0].owner, "anna");
  EXPECT_GE(found[0].made_ms, 1234);

  folders.remove_picture(id);
  EXPECT_EQ(folders.read_picture(id).status().code(), StatusCode::kNotFound);
  folders.remove(id);
  EXPECT_EQ(folders.read(id, "0.mp4").status().code(), StatusCode::kNotFound);
}

TEST(JobFoldersTest, ErrorsNameNoPathOfTheServer) {
  const test_support::TemporaryFolder root;
  const JobFolders folders = JobFolders::open(root.path()).value_or_throw();
  for (const base::Status& status :
       {folders.read_picture("video_x").status(), folders.read("video_x", "0.mp4").status(),
        folders.write("video_x", "0.mp4", std::vector<uint8_t>{1})}) {
    EXPECT_FALSE(status.ok());
    EXPECT_THAT(status.message(), testing::Not(testing::HasSubstr(root.path().string())));
  }
}

TEST(JobFoldersTest, RefusesAFileInPlaceOfAFolder) {
  const test_support::TemporaryFolder root;
  std::ofstream(root.path() / "file") << "x";
  EXPECT_FALSE(JobFolders::open(root.path() / "file").ok());
}

TEST(AdmissionTest, PlacesAreTakenAndGivenBack) {
  using Refusal = Admission::Refusal;
  prometheus::Registry registry;
  Admission admission(2, registry);
  EXPECT_EQ(admission.enter("a", "anna", 1), Refusal::kNone);
  EXPECT_EQ(admission.enter("b", "anna", 1), Refusal::kOwnerLimit);
  EXPECT_EQ(admission.enter("b", "berta", 1), Refusal::kNone);
  EXPECT_FALSE(admission.has_room());
  EXPECT_EQ(admission.enter("c", "carl", 0), Refusal::kBusy);
  admission.hold("d", "dora");  // of an earlier run: in any case
  admission.leave("a");
  EXPECT_FALSE(admission.has_room());
  admission.leave("b");
  EXPECT_TRUE(admission.has_room());
  admission.close();
  EXPECT_FALSE(admission.has_room());
  EXPECT_EQ(admission.enter("e", "emil", 0), Refusal::kClosed);
}

}  // namespace
}  // namespace zoetrope::engine::jobs
