// Bundle: what travels along an edge of the role graph: named tensors and a little JSON.
//
// A Bundle can stay in one process, cross a thread or be written to a file or socket, so it holds
// nothing but data. Copies share the tensors; whoever receives a Bundle must not write into them.
#pragma once

#include <ATen/core/Tensor.h>

#include <map>
#include <nlohmann/json.hpp>
#include <string>

namespace zoetrope::pipeline {

struct Bundle {
  std::map<std::string, at::Tensor> tensors;
  nlohmann::json facts = nlohmann::json::object();

  // Throws base::Error(kInternal) naming what is absent and what is there.
  const at::Tensor& tensor(const std::string& name) const;
  // The fact `name` as T; throws as tensor() when it is absent or of another type.
  template <typename T>
  T fact(const std::string& name) const {
    try {
      return facts.at(name).get<T>();
    } catch (const nlohmann::json::exception&) {
      throw_missing_fact(name);
    }
  }

 private:
  [[noreturn]] void throw_missing_fact(const std::string& name) const;
};

}  // namespace zoetrope::pipeline
