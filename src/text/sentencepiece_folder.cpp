// PipelineTokenizer::open_sentencepiece: spiece.model, with what T5Tokenizer adds to it.
#include <fmt/format.h>

#include <cstdint>

#include "base/in_quotes.h"
#include "text/pipeline_tokenizer.h"
#include "text/special_ids.h"
#include "text/spiece_model.h"
#include "weights/mapped_file.h"

namespace zoetrope::text {

namespace {

constexpr std::uint64_t kUnigramModel = 1;
constexpr int kUsualExtraIds = 100;
constexpr int kMostExtraIds = 10'000;

class T5Folder {
 public:
  explicit T5Folder(const std::string& folder)
      : folder_(folder), path_(folder + "/spiece.model"), config_(folder) {}

  PipelineTokenizer load() {
    const auto file = weights::MappedFile::open(path_).value_or_throw();
    SentencePieceModel model = parse_sentence_piece(file.text(), path_).value_or_throw();
    if (model.model_type != kUnigramModel) fail("it is not a unigram model");
    auto charsmap = Charsmap::parse(model.charsmap);
    if (!charsmap.ok()) fail("field 'precompiled_charsmap': " + charsmap.status().message());

    for (const SentencePiece& piece : model.pieces) {
      const std::int32_t id = add(piece.text, piece.score);
      if (piece.type == SentencePiece::kUnknown || piece.type == SentencePiece::kControl ||
          piece.type == SentencePiece::kUserDefined) {
        look_for(piece.text, id);
      }
    }
    add_extra_ids();
    vocabulary_.unknown = static_cast<std::int64_t>(model.unknown_id);
    auto unigram = Unigram::build(std::move(vocabulary_));
    if (!unigram.ok()) fail(unigram.status().message());

    Frame frame;
    frame.largest = unigram->largest_id();
    set_special_ids(config_, folder_, ids_, frame);
    frame.after = {frame.end};
    return {std::move(frame),
            {.in_raw = AddedTokens(std::move(added_)),
             .in_normalized = {},
             .steps = steps_of_t5(std::move(charsmap).value()),
             .model = std::move(unigram).value()}};
  }

 private:
  [[noreturn]] void fail(const std::string& why) const {
    throw base::Error(base::data_loss(path_ + ": " + why));
  }

  std::int32_t add(const std::string& piece, double score) {
    const auto id = static_cast<std::int32_t>(vocabulary_.pieces.size());
    vocabulary_.pieces.push_back({piece, score});
    ids_[piece] = id;
    return id;
  }

  // In texts, as added_tokens_decoder says where it does.
  void look_for(const std::string& content, std::int32_t id) {
    const auto known = config_.added().find(content);
    const bool is_known = known != config_.added().end();
    added_.push_back({.content = content,
                      .id = id,
                      .lstrip = is_known && known->second.lstrip,
                      .rstrip = is_known && known->second.rstrip});
  }

  // `<extra_id_0>` is the last of all.
  void add_extra_ids() {
    const int count = config_.integer("extra_ids", kUsualExtraIds);
    if (count < 0 || count > kMostExtraIds) {
      throw base::Error(base::data_loss(folder_ + "/tokenizer_config.json: field 'extra_ids' is " +
                                        std::to_string(count)));
    }
    for (int i = count - 1; i >= 0; --i) {
      const std::string name = fmt::format("<extra_id_{}>", i);
      look_for(name, add(name, 0));
    }
  }

  std::string folder_;
  std::string path_;
  TokenizerConfig config_;
  UnigramVocabulary vocabulary_;
  std::unordered_map<std::string, std::int32_t> ids_;
  std::vector<AddedToken> added_;
};

}  // namespace

base::Result<PipelineTokenizer> PipelineTokenizer::open_sentencepiece(const std::string& folder) {
  try {
    return T5Folder(folder).load();
  } catch (const base::Error& error) {
    return error.status();
  }
}

}  // namespace zoetrope::text
