// Jobs and models as the API shows them: OpenAI's objects, with what SGLang and vLLM-Omni add.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "engine/api/job_service.h"
#include "http/generation_request.h"

namespace zoetrope::http {

// The object of GET /v1/videos/{id}.
nlohmann::json video_json(const engine::Job& job, int progress = 0);
// Of an entry of GET /v1/models.
nlohmann::json model_json(const RequestRules& rules, int64_t created);
// 0..100: of a job that runs, where `event` says how far it is.
int progress_of(const engine::JobEvent& event);
// The answer of the calls that wait for pictures. `data` holds one object a picture.
nlohmann::json images_json(const engine::Job& job, nlohmann::json data);

std::string dump(const nlohmann::json& value);

}  // namespace zoetrope::http
