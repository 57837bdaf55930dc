#include "text/special_ids.h"

#include <optional>

#include "base/in_quotes.h"

namespace zoetrope::text {

namespace {

using Ids = std::unordered_map<std::string, std::int32_t>;

std::optional<std::int32_t> id_of_role(const TokenizerConfig& config, const std::string& folder,
                                       const Ids& ids, const char* role, const char* usual) {
  const auto token = config.role(role);
  const auto id = ids.find(token ? token->content : usual);
  if (id != ids.end()) return id->second;
  if (!token) return std::nullopt;
  throw base::Error(base::data_loss(folder + ": " + role + " " + base::in_quotes(token->content) +
                                    " is not in the vocabulary"));
}

}  // namespace

void set_special_ids(const TokenizerConfig& config, const std::string& folder, const Ids& ids,
                     Frame& frame) {
  if (const auto side = config.string("padding_side"); !side.empty() && side != "right") {
    throw base::Error(base::data_loss(folder + ": padding_side must be 'right'"));
  }
  const auto end = id_of_role(config, folder, ids, "eos_token", "</s>");
  if (!end) throw base::Error(base::data_loss(folder + ": no eos_token is named"));
  frame.end = *end;
  frame.padding = id_of_role(config, folder, ids, "pad_token", "<pad>").value_or(*end);
  frame.max_length = config.max_length(kNoLimit, kNoLimit);
}

}  // namespace zoetrope::text
