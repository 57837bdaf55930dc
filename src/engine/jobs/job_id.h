// Names of jobs: "video_" or "image_" and 35 letters and digits. Nobody can guess one (110 random
// bits), and names of one process sort by creation. Any thread may call.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace zoetrope::engine::jobs {

std::string new_job_id(std::string_view kind, int64_t now_ms);

// When the id was made; empty if the text is no such id.
std::optional<int64_t> job_id_time_ms(std::string_view id);

}  // namespace zoetrope::engine::jobs
