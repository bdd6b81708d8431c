#include "response_stream.hpp"

#include <gtest/gtest.h>

namespace plimsoll::server {
namespace {

class Heard : public Listener {
 public:
  bool piece(const api::Piece& piece) override {
    text += piece.text;
    thoughts += piece.reasoning;
    for (const api::TokenLogprob& one : piece.logprobs) tokens.push_back(one.text);
    return true;
  }
  bool end_of_choice(const api::ChoiceEnd& /*end*/) override { return true; }

  std::string text;
  std::string thoughts;
  std::vector<std::string> tokens;  // whose log-probabilities were told
};

TEST(ResponseStreamTest, LogProbabilitiesAreOfTheAnswerAlone) {
  Heard heard;
  ResponseStream::Form form;
  form.reasoning.emplace(*api::reasoning_form("<|channel|>analysis"), false);
  ResponseStream stream(heard, 0, std::move(form));
  for (const char* piece : {"<|channel|>", "analysis", "<|message|>", "Hm", "<|end|>", "<|start|>", "assistant",
                            "<|channel|>", "final", "<|message|>", "Aye", "."}) {
    stream.on_token(1, api::TokenLogprob{.text = piece});
    EXPECT_TRUE(stream.text(piece));
  }
  EXPECT_TRUE(stream.end(run::FinishReason::end_of_generation, ""));
  EXPECT_EQ(heard.text, "Aye.");
  EXPECT_EQ(heard.thoughts, "Hm");
  EXPECT_EQ(heard.tokens, (std::vector<std::string>{"Aye", "."}));
}

}  // namespace
}  // namespace plimsoll::server
