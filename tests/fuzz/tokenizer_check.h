// What holds for a tokenizer of any file, broken or not.
#pragma once

#include <cstdint>
#include <exception>

#include "fuzz_check.h"
#include "text/tokenizer.h"

namespace zoetrope::fuzz {

template <typename T>
void check_tokenizer(const base::Result<T>& tokenizer) {
  if (!tokenizer.ok()) {
    check_refusal(tokenizer.status());
    return;
  }
  constexpr int kLength = 24;
  try {
    const text::Tokens tokens = tokenizer->encode(
        "A rocket's <|endoftext|></s> \xff 12\u0301 \u4e0a", kLength, tokenizer->padding_id());
    check(tokens.ids.size() == kLength, "number of ids");
    check(tokens.length >= 0 && tokens.length <= kLength, "length");
    for (const std::int32_t id : tokens.ids) {
      check(id >= 0 && id <= tokenizer->largest_id(), "an id outside the vocabulary");
    }
  } catch (const base::Error& error) {  // a frame over the length, a pattern that explodes
    check_refusal(error.status());
  }
}

}  // namespace zoetrope::fuzz
