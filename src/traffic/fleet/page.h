// The frame of a report: page.html, built into the library, around what a report has to say. One
// file that needs no network.
#pragma once

#include <string>
#include <string_view>

namespace zoetrope::traffic::fleet {

extern const std::string_view kPageTemplate;

// `title` is text, `body` HTML.
std::string page(const std::string& title, const std::string& body);

}  // namespace zoetrope::traffic::fleet
