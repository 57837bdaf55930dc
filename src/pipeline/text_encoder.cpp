#include "pipeline/text_encoder.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "base/status.h"
#include "models/clip_text/clip_text.h"
#include "models/llama_text/llama_text.h"
#include "models/t5_text/t5_text.h"
#include "text/clean_prompt.h"
#include "text/tokenizer.h"

namespace zoetrope::pipeline {
namespace {

using Kind = TextEncoderSpec::Kind;
using weights::Scope;

// What the kinds have in common: the way from a text to ids.
class TokenizedEncoder : public TextEncoder {
 public:
  Encoded encode(const std::string& text) const final {
    const text::Tokens tokens =
        tokenizer_->encode(cleaned_ ? text::clean_prompt(text) : text, length_, padding_);
    const at::Tensor ids =
        at::tensor(at::ArrayRef<int32_t>(tokens.ids), at::kLong).unsqueeze(0).to(device_);
    const at::Tensor mask = (at::arange(ids.size(1), ids.options()) < tokens.length).unsqueeze(0);
    const Made made = make(ids, mask);
    return {made.states, made.pooled, tokens.length, tokens.truncated};
  }

 protected:
  TokenizedEncoder(const ModelIndex& index, const TextEncoderSpec& spec, at::Device device)
      : device_(device),
        tokenizer_(text::open_tokenizer(index.folder / spec.tokenizer).value_or_throw()),
        cleaned_(spec.cleaned),
        length_(spec.max_tokens),
        padding_(tokenizer_->padding_id()) {}

  const text::Tokenizer& tokenizer() const { return *tokenizer_; }
  void pad_with(int32_t id) { padding_ = id; }
  void cut_to(int64_t positions) {
    length_ = static_cast<int>(std::min<int64_t>(length_, positions));
  }
  void check_vocabulary(const ModelIndex& index, const TextEncoderSpec& spec, int64_t size) const {
    if (tokenizer_->largest_id() < size) return;
    throw base::Error(base::data_loss((index.folder / spec.tokenizer).string() +
                                      ": has ids beyond " + spec.component + "'s vocab_size, " +
                                      std::to_string(size)));
  }

  struct Made {
    at::Tensor states, pooled;
  };

 private:
  // ids [1, n]; mask [1, n], false at the padding
  virtual Made make(const at::Tensor& ids, const at::Tensor& mask) const = 0;

  at::Device device_;
  std::unique_ptr<text::Tokenizer> tokenizer_;
  bool cleaned_;
  int length_;
  int32_t padding_;
};

class ClipEncoder final : public TokenizedEncoder {
 public:
  ClipEncoder(const ModelIndex& index, const TextEncoderSpec& spec, at::Device device,
              models::ClipText network)
      : TokenizedEncoder(index, spec, device), kind_(spec.kind), network_(std::move(network)) {
    cut_to(network_.config().max_position_embeddings);
    check_vocabulary(index, spec, network_.config().vocab_size);
  }

 private:
  Made make(const at::Tensor& ids, const at::Tensor&) const override {
    const auto [penultimate, last] = network_.states(ids);
    const at::Tensor pooled = network_.pooled(last, ids);
    if (kind_ == Kind::kClipPooled) return {pooled, {}};
    return {penultimate, pooled};
  }

  Kind kind_;
  models::ClipText network_;
};

class T5Encoder final : public TokenizedEncoder {
 public:
  T5Encoder(const ModelIndex& index, const TextEncoderSpec& spec, at::Device device,
            models::T5Text network)
      : TokenizedEncoder(index, spec, device), kind_(spec.kind), network_(std::move(network)) {
    check_vocabulary(index, spec, network_.config().vocab_size);
  }

 private:
  Made make(const at::Tensor& ids, const at::Tensor& mask) const override {
    const at::Tensor all = network_(ids, kind_ == Kind::kT5 ? at::Tensor() : mask);
    return {kind_ == Kind::kZeroedT5 ? all * mask.unsqueeze(-1) : all, {}};
  }

  Kind kind_;
  models::T5Text network_;
};

class LlamaEncoder final : public TokenizedEncoder {
 public:
  LlamaEncoder(const ModelIndex& index, const TextEncoderSpec& spec, at::Device device,
               models::LlamaText network)
      : TokenizedEncoder(index, spec, device), network_(std::move(network)) {
    pad_with(tokenizer().end_id());
    check_vocabulary(index, spec, network_.config().vocab_size);
    // State 0 is the embedding.
    for (int64_t i = 1; i <= network_.config().num_hidden_layers; ++i) wanted_.push_back(i);
  }

 private:
  // [1, layers, n, c]
  Made make(const at::Tensor& ids, const at::Tensor& mask) const override {
    return {at::stack(network_(ids, mask, wanted_), 1), {}};
  }

  models::LlamaText network_;
  std::vector<int64_t> wanted_;
};

models::ClipText make_clip(const ModelIndex& index, const TextEncoderSpec& spec,
                           weights::ParameterSource& source) {
  return models::ClipText(Scope(source),
                          models::ClipTextConfig::from_json(index.config(spec.component)));
}

models::T5Text make_t5(const ModelIndex& index, const TextEncoderSpec& spec,
                       weights::ParameterSource& source) {
  return models::T5Text(Scope(source),
                        models::T5TextConfig::from_json(index.config(spec.component)));
}

models::LlamaText make_llama(const ModelIndex& index, const TextEncoderSpec& spec,
                             weights::ParameterSource& source) {
  return models::LlamaText(Scope(source),
                           models::LlamaTextConfig::from_json(index.config(spec.component)));
}

}  // namespace

std::unique_ptr<TextEncoder> load_text_encoder(const ModelIndex& index, const TextEncoderSpec& spec,
                                               at::ScalarType dtype, at::Device device) {
  weights::CheckpointSource source = index.source(spec.component, dtype, device);
  switch (spec.kind) {
    case Kind::kClipPooled:
    case Kind::kClipStates:
      return std::make_unique<ClipEncoder>(index, spec, device, make_clip(index, spec, source));
    case Kind::kT5:
    case Kind::kMaskedT5:
    case Kind::kZeroedT5:
      return std::make_unique<T5Encoder>(index, spec, device, make_t5(index, spec, source));
    case Kind::kLlamaStates:
      return std::make_unique<LlamaEncoder>(index, spec, device, make_llama(index, spec, source));
  }
  throw base::Error(base::internal_error("unknown text encoder"));
}

TextEncoderProvider text_encoder_provider(const ModelIndex& index, const TextEncoderSpec& spec,
                                          at::ScalarType dtype, at::Device device,
                                          std::shared_ptr<std::mutex> one_at_a_time) {
  if (!index.placement.text_encoders_leave) {
    return [encoder =
                std::shared_ptr<const TextEncoder>(load_text_encoder(index, spec, dtype, device))] {
      return HeldTextEncoder{{}, encoder};
    };
  }
  return [index, spec, dtype, device, one_at_a_time = std::move(one_at_a_time)] {
    std::unique_lock alone(*one_at_a_time);
    return HeldTextEncoder{std::move(alone), load_text_encoder(index, spec, dtype, device)};
  };
}

std::shared_ptr<const void> build_text_encoder(const ModelIndex& index, const TextEncoderSpec& spec,
                                               weights::ParameterSource& source) {
  switch (spec.kind) {
    case Kind::kClipPooled:
    case Kind::kClipStates:
      return held(make_clip(index, spec, source));
    case Kind::kT5:
    case Kind::kMaskedT5:
    case Kind::kZeroedT5:
      return held(make_t5(index, spec, source));
    case Kind::kLlamaStates:
      return held(make_llama(index, spec, source));
  }
  throw base::Error(base::internal_error("unknown text encoder"));
}

}  // namespace zoetrope::pipeline
