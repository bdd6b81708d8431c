// ByteGrammarTest: what grammars allow a model whose tokens are single bytes.
#pragma once
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "engine/sampler.hpp"

#include "decoding.hpp"
#include "temporary_folder.hpp"
#include "tiny_gguf.hpp"

namespace plimsoll::test {

class ByteGrammarTest : public testing::Test {
 protected:
  [[nodiscard]] engine::Sampler sampler(const std::string& gbnf) const { return {*bytes_, {.grammar = gbnf}}; }

  // The whole text is allowed, and it may end there.
  [[nodiscard]] bool allows(engine::Sampler sampler, const std::string& text) const {
    for (const char c : text) {
      const engine::Token token = 3 + static_cast<unsigned char>(c);
      if (!sampler.grammar_allows(token)) return false;
      sampler.accept_choice(token);
    }
    return sampler.grammar_allows(bytes_->vocab().eos());
  }
  [[nodiscard]] bool allows(const std::string& gbnf, const std::string& text) const {
    return allows(sampler(gbnf), text);
  }

  TemporaryFolder folder_;
  std::shared_ptr<engine::Model> bytes_ = load_on_cpu(folder_.write("tiny.gguf", tiny_llama().bytes()));
};

}  // namespace plimsoll::test
