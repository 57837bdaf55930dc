// How CLIP's tokenizer cleans a text and cuts it into words, before any vocabulary is involved.
// Equal to the `tokenizers` pipeline that transformers' CLIPTokenizer builds: NFC, runs of white
// space to one space, lower case, then words by one regular expression. Unicode data is ICU's.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace zoetrope::text {

// NFC, white space collapsed, lower case letter by letter (so a final sigma stays a plain one).
std::string clean_clip_text(std::string_view utf8);

// The words of a cleaned text, as UTF-8: runs of letters; single digits; runs of anything else that
// is not white space; and the endings 's 't 're 've 'm 'll 'd.
std::vector<std::string> clip_words(std::string_view cleaned);

}  // namespace zoetrope::text
