// Any bytes as a prompt, with the small vocabulary of the fixtures.
#include <algorithm>
#include <cstdint>

#include "fuzz_check.h"
#include "text/clip_tokenizer.h"
#include "text/unicode.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace zoetrope;
  static const text::ClipTokenizer tokenizer =
      text::ClipTokenizer::open(ZOETROPE_SOURCE_DIR "/tests/fixtures/clip_tokenizer/tokenizer")
          .value_or_throw();
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const text::Tokens tokens = tokenizer.encode(text);

  fuzz::check(static_cast<int>(tokens.ids.size()) == tokenizer.max_length(), "number of ids");
  fuzz::check(tokens.length >= 2 && tokens.length <= tokenizer.max_length(), "length");
  fuzz::check(!tokens.truncated || tokens.length == tokenizer.max_length(), "cut although short");
  fuzz::check(tokens.ids.front() == tokenizer.begin_id(), "begin");
  fuzz::check(tokens.ids[tokens.length - 1] == tokenizer.end_id(), "end");
  for (const std::int32_t id : tokens.ids) {
    fuzz::check(id >= 0 && id <= tokenizer.largest_id(), "an id outside the vocabulary");
  }
  fuzz::check(std::all_of(tokens.ids.begin() + tokens.length, tokens.ids.end(),
                          [&](std::int32_t id) { return id == tokenizer.padding_id(); }),
              "padding");

  const std::string repaired = text::repair_utf8(text);
  fuzz::check(text::repair_utf8(repaired) == repaired, "repaired twice");
  fuzz::check(tokenizer.encode(repaired).ids == tokens.ids, "repaired text has other ids");
  return 0;
}
