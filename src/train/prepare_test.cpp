// From a data folder to what the trainers read, and what is wrong with bad folders.
#include "train/prepare.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <set>

#include "support/temporary_folder.h"
#include "text/clip_tokenizer.h"
#include "train/clip_sampler.h"
#include "train/training_data.h"

namespace zoetrope::train {
namespace {

using test_support::TemporaryFolder;
using ::testing::HasSubstr;

void write(const std::filesystem::path& path, const std::string& text) {
  std::ofstream(path) << text;
}

PrepareOptions sticker_options(const TemporaryFolder& out) {
  PrepareOptions options;
  options.data_folder = std::string(ZOETROPE_SOURCE_DIR) + "/examples/stickers";
  options.out_folder = out.path() / "data";
  options.vocabulary = 700;
  return options;
}

TEST(Prepare, HoldsWholeConceptsOut) {
  const TemporaryFolder folder;
  PrepareOptions options = sticker_options(folder);
  options.held_out_list = folder.path() / "held.txt";
  write(options.held_out_list, "# comment\npenguin\nwoman bowing: dark skin tone\nno such thing\n");
  const auto summary = prepare(options, {}, {});
  ASSERT_TRUE(summary.ok()) << summary.status().message();
  EXPECT_EQ(summary->clips, 40);
  EXPECT_EQ(summary->stills, 20);

  const auto data = TrainingData::open(options.out_folder);
  ASSERT_TRUE(data.ok()) << data.status().message();
  EXPECT_EQ(data->clips.sizes(), (std::vector<int64_t>{40, 16, 128, 128, 3}));
  EXPECT_EQ(static_cast<int64_t>(data->held_out_clips.size()), summary->held_out_clips);
  EXPECT_EQ(data->train_clips.size() + data->held_out_clips.size(), 40u);
  std::set<int64_t> trained;
  for (const int64_t clip : data->train_clips) trained.insert(data->concept_of[clip]);
  for (const int64_t clip : data->held_out_clips) {
    EXPECT_FALSE(trained.contains(data->concept_of[clip])) << data->captions[clip];
  }
  EXPECT_LT(data->prompts.max().item<int64_t>(), data->vocabulary);
}

TEST(Prepare, TokensAreThoseOfTheLearntTokenizer) {
  const TemporaryFolder folder;
  const PrepareOptions options = sticker_options(folder);
  ASSERT_TRUE(prepare(options, {}, {}).ok());
  const auto data = TrainingData::open(options.out_folder);
  ASSERT_TRUE(data.ok());
  const auto tokenizer = text::ClipTokenizer::open(options.out_folder + "/tokenizer");
  ASSERT_TRUE(tokenizer.ok()) << tokenizer.status().message();
  for (int64_t clip = 0; clip < 5; ++clip) {
    const auto ids = at::tensor(tokenizer->encode(data->captions[clip]).ids, at::kInt);
    EXPECT_TRUE(at::equal(data->prompts[clip][0], ids.to(at::kLong)));
  }
}

TEST(Prepare, ConceptsIgnoreWhoAndSkinTone) {
  EXPECT_EQ(concept_of_caption("woman bowing: dark skin tone"), "bowing");
  EXPECT_EQ(concept_of_caption("Person bowing"), "bowing");
  EXPECT_EQ(concept_of_caption("manicure"), "manicure");
  EXPECT_EQ(concept_of_caption(""), "");
}

TEST(Prepare, BadFoldersNameWhatIsWrong) {
  const TemporaryFolder folder;
  PrepareOptions options;
  options.data_folder = folder.path();
  options.out_folder = folder.path() / "out";
  EXPECT_THAT(prepare(options, {}, {}).status().message(), HasSubstr("captions.jsonl"));
  write(folder.path() / "captions.jsonl", "{\"file\": \"a.mp4\"}\n");
  EXPECT_THAT(prepare(options, {}, {}).status().message(),
              ::testing::AllOf(HasSubstr("captions.jsonl:1"), HasSubstr("caption")));
  write(folder.path() / "captions.jsonl", "{\"file\": \"a.mp4\", \"caption\": \"a\"}\n{oops\n");
  EXPECT_THAT(prepare(options, {}, {}).status().message(), HasSubstr("captions.jsonl:2"));
  write(folder.path() / "captions.jsonl", "{\"file\": \"a.mp4\", \"caption\": \"a\"}\n");
  EXPECT_THAT(prepare(options, {}, {}).status().message(), HasSubstr("a.mp4"));
}

TEST(Prepare, ReadsPlainClips) {
  const TemporaryFolder folder;
  // One file of the sticker pack as a plain clip: many frames, of which 16 are taken.
  std::filesystem::copy(
      std::filesystem::path(ZOETROPE_SOURCE_DIR) / "examples/stickers/animations-128px.mkv",
      folder.path() / "clip.mkv");
  write(folder.path() / "captions.jsonl",
        "{\"file\": \"clip.mkv\", \"caption\": \"many things\"}\n");
  PrepareOptions options;
  options.data_folder = folder.path();
  options.out_folder = folder.path() / "out";
  options.size = 64;
  const auto summary = prepare(options, {}, {});
  ASSERT_TRUE(summary.ok()) << summary.status().message();
  const auto data = TrainingData::open(options.out_folder);
  ASSERT_TRUE(data.ok()) << data.status().message();
  EXPECT_EQ(data->clips.sizes(), (std::vector<int64_t>{1, 16, 64, 64, 3}));
  EXPECT_EQ(data->stills.size(0), 0);
}

TEST(TrainingDataFolder, MissingOrWrongFilesAreNamed) {
  const TemporaryFolder folder;
  EXPECT_THAT(TrainingData::open(folder.path()).status().message(), HasSubstr("clips.safetensors"));
  const PrepareOptions options = sticker_options(folder);
  ASSERT_TRUE(prepare(options, {}, {}).ok());
  write(options.out_folder + "/index.json", "{\"captions\": [\"one\"], \"vocabulary\": 700}");
  EXPECT_THAT(TrainingData::open(options.out_folder).status().message(), HasSubstr("captions"));
}

TEST(ClipSampler, DrawsConceptsUniformlyAndStillsByTheirShare) {
  TrainingData data;
  // Concept 0 has one clip, concept 1 has nine.
  data.concept_of = {0, 1, 1, 1, 1, 1, 1, 1, 1, 1};
  for (int64_t i = 0; i < 10; ++i) data.train_clips.push_back(i);
  data.clips = at::zeros({10, 1, 1, 1, 3}, at::kByte);
  data.prompts = at::zeros({10, 2, 4}, at::kLong);
  data.lone_stills = {4, 7};
  const ClipSampler sampler(data, 0.25);
  int first_concept = 0, stills = 0;
  constexpr int kGrid = 20;
  for (int a = 0; a < kGrid; ++a) {
    for (int b = 0; b < kGrid; ++b) {
      const auto at = [](int i) { return (i + 0.5) / kGrid; };
      const int64_t example = sampler.example(at(a), at(b), at(b));
      if (example >= 10) {
        ++stills;
        EXPECT_GE(sampler.prompt_row(example, 0.1), 1 + (10 + 4) * 2);
      } else {
        first_concept += example == 0;
      }
    }
  }
  EXPECT_EQ(stills, kGrid * kGrid / 4);
  EXPECT_EQ(first_concept, kGrid * kGrid * 3 / 8);
}

}  // namespace
}  // namespace zoetrope::train
