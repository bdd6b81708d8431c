// decoding: short ways to feed tokens and to see what comes out.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "engine/context.hpp"

namespace plimsoll::test {

// On the CPU alone, one thread, n_ctx 256 for each sequence, micro-batch 32.
[[nodiscard]] std::shared_ptr<engine::Model> load_on_cpu(const std::string& path);
[[nodiscard]] engine::ContextParams small_context(std::uint32_t sequences = 1);

// Appends the tokens to the sequence and gives the logits after the last one. Throws where decoding is not ok.
[[nodiscard]] std::vector<float> logits_after(engine::Context& context, const std::vector<llama_token>& tokens,
                                              engine::SequenceId sequence = 0);
[[nodiscard]] llama_token largest(const std::vector<float>& logits);
[[nodiscard]] std::vector<llama_token> greedy(engine::Context& context, const std::vector<llama_token>& prompt,
                                              std::size_t count);
// n tokens that any test model has, not all the same.
[[nodiscard]] std::vector<llama_token> some_tokens(std::size_t n, llama_token first = 1);

}  // namespace plimsoll::test
