#include "decoding.hpp"

#include <algorithm>
#include <stdexcept>

namespace plimsoll::test {

std::shared_ptr<engine::Model> load_on_cpu(const std::string& path) {
  engine::ModelParams params;
  params.path = path;
  params.devices = {"none"};
  return engine::Model::load(params);
}

engine::ContextParams small_context(std::uint32_t sequences) {
  engine::ContextParams params;
  params.n_ctx = 256 * sequences;
  params.n_batch = 64;
  params.n_ubatch = 32;
  params.n_seq_max = sequences;
  params.n_threads = 1;
  return params;
}

std::vector<float> logits_after(engine::Context& context, const std::vector<llama_token>& tokens,
                                engine::SequenceId sequence) {
  engine::Batch batch;
  batch.add_prompt(tokens, context.last_position(sequence) + 1, sequence);
  const engine::DecodeStatus status = context.decode(batch);
  if (status != engine::DecodeStatus::ok) throw std::runtime_error("decode: " + std::string(to_string(status)));
  const auto row = context.logits(-1);
  return {row.begin(), row.end()};
}

llama_token largest(const std::vector<float>& logits) {
  return static_cast<llama_token>(std::ranges::max_element(logits) - logits.begin());
}

std::vector<llama_token> greedy(engine::Context& context, const std::vector<llama_token>& prompt, std::size_t count) {
  std::vector<llama_token> tokens;
  for (std::vector<llama_token> next = prompt; tokens.size() < count; next = {tokens.back()}) {
    tokens.push_back(largest(logits_after(context, next)));
  }
  return tokens;
}

std::vector<llama_token> some_tokens(std::size_t n, llama_token first) {
  std::vector<llama_token> tokens(n);
  for (std::size_t i = 0; i < n; ++i) tokens[i] = (first + 7 * static_cast<llama_token>(i)) % 100;
  return tokens;
}

}  // namespace plimsoll::test
