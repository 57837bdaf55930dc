// How CLIP's tokenizer cleans a text and cuts it into words, before any vocabulary is involved.
// Equal to the `tokenizers` pipeline that transformers' CLIPTokenizer builds: NFC, runs of white
// space to one space, lower case, then words by one regular expression. Unicode data is ICU's.
//
// Bytes that are not UTF-8 become U+FFFD, one for each maximal ill-formed part (what Unicode
// recommends and Python's errors="replace" does).
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace zoetrope::weights {

// Valid UTF-8, with ill-formed parts replaced.
std::string repair_utf8(std::string_view bytes);

// NFC, white space collapsed, lower case letter by letter (so a final sigma stays a plain one).
std::string clean_clip_text(std::string_view utf8);

// The words of a cleaned text, as UTF-8: runs of letters; single digits; runs of anything else that
// is not white space; and the endings 's 't 're 've 'm 'll 'd.
std::vector<std::string> clip_words(std::string_view cleaned);

}  // namespace zoetrope::weights
