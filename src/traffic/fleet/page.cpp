#include "traffic/fleet/page.h"

#include "traffic/fleet/figure_svg.h"

namespace zoetrope::traffic::fleet {
namespace {

void put(std::string& text, std::string_view mark, const std::string& value) {
  text.replace(text.find(mark), mark.size(), value);
}

}  // namespace

std::string page(const std::string& title, const std::string& body) {
  std::string text(kPageTemplate);
  put(text, "@TITLE@", html(title));
  put(text, "@BODY@", body);
  return text;
}

}  // namespace zoetrope::traffic::fleet
