// How Wan's pipelines clean a prompt before their tokenizer (prompt_clean in diffusers'
// pipeline_wan.py): ftfy.fix_text where that package is installed, then HTML's character references
// twice, then white space. FLUX and HiDream clean nothing.
//
// Of ftfy (6.3) this does what is a table: typographic quotes, Latin ligatures and wide letters
// become plain ones, control characters go, NFC. Not done: its guess at text that was decoded
// wrongly
// ("mojibake", C1 controls included) and the removal of terminal escapes, so only such texts
// differ.
#pragma once

#include <string>
#include <string_view>

namespace zoetrope::text {

// Any bytes; the result is valid UTF-8.
std::string clean_prompt(std::string_view prompt);

// "&amp;", "&#39;", "&#x27;" as what they stand for, by the rules of HTML 5 and as Python's
// html.unescape: a few names do without the semicolon, and what is no reference stays.
std::string unescape_html(std::string_view utf8);

}  // namespace zoetrope::text
