// Tokens that are looked for in a text before any model sees it: `</s>`, `<extra_id_7>`,
// `<|eot_id|>`. As `tokenizers` does it: the leftmost counts, and of those that start together the
// longest; one with lstrip or rstrip takes the white space beside it along.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace zoetrope::text {

struct AddedToken {
  std::string content;  // valid UTF-8, not empty
  std::int32_t id = 0;
  bool lstrip = false;
  bool rstrip = false;
};

// Immutable: any thread may split.
class AddedTokens {
 public:
  struct Part {
    std::string_view text;           // never empty
    std::optional<std::int32_t> id;  // of the token, where the part is one
  };

  AddedTokens() = default;
  explicit AddedTokens(std::vector<AddedToken> tokens);

  // The parts of `text` in order, views into it.
  std::vector<Part> split(std::string_view text) const;

 private:
  const AddedToken* at_start_of(std::string_view text) const;

  // By first byte, the longest first.
  std::array<std::vector<AddedToken>, 256> tokens_;
};

}  // namespace zoetrope::text
