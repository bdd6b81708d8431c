#include "conversation_model.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "arch_models.hpp"
#include "decoding.hpp"
#include "small_models.hpp"

namespace plimsoll::test {

plan::Request lively_request(const std::string& model, std::uint32_t sequences) {
  plan::Request request = small_request(model, "CPU", sequences);
  request.dry_run.model.path = lively_model(model);
  request.dry_run.context.flash_attn = engine::FlashAttention::off;
  return request;
}

FreshEvaluation::FreshEvaluation(const run::Instance& instance)
    : model_(load_on_cpu(instance.plan().request.model.path)) {
  engine::ContextParams params = instance.plan().request.context;
  params.n_ctx = instance.plan().dry_run.context.n_ctx_seq;
  params.n_seq_max = 1;
  context_ = engine::Context::create(model_, params);
}

std::vector<float> FreshEvaluation::logits(const std::vector<engine::Token>& tokens) {
  context_->clear();
  const std::size_t most = context_->facts().n_batch;
  std::vector<float> logits;
  for (std::size_t from = 0; from < tokens.size(); from += most) {
    const auto last = tokens.begin() + static_cast<std::ptrdiff_t>(std::min(tokens.size(), from + most));
    logits = logits_after(*context_, {tokens.begin() + static_cast<std::ptrdiff_t>(from), last});
  }
  return logits;
}

float largest_difference(std::span<const float> a, std::span<const float> b) {
  if (a.size() != b.size()) throw std::runtime_error("rows of different lengths");
  float largest = 0;
  for (std::size_t i = 0; i < a.size(); ++i) largest = std::max(largest, std::abs(a[i] - b[i]));
  return largest;
}

}  // namespace plimsoll::test
