#include "response_stream.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "engine/token_probability.hpp"

#include "random_id.hpp"

namespace plimsoll::server {
namespace {

using engine::Token;

double log_of(float probability) { return std::log(std::max(static_cast<double>(probability), 1e-45)); }

api::TokenLogprob logprob_of(const engine::Vocab& vocab, std::span<const float> logits, Token token, std::size_t top) {
  const auto named = [&](const engine::TokenProbability& one) {
    return api::TokenLogprob{.text = vocab.piece(one.token, true), .logprob = log_of(one.probability), .id = one.token};
  };
  api::TokenLogprob out = named(engine::probability_of(logits, token));
  if (top == 0) return out;
  for (const engine::TokenProbability& one : engine::most_probable(logits, top)) out.top.push_back(named(one));
  return out;
}

}  // namespace

void ResponseStream::on_token(Token token, std::span<const float> logits) {
  if (form_.reasoning && form_.reasoning->inside()) ++tokens_of_thoughts_;
  if (form_.shows_tokens) tokens_.push_back(token);
  if (form_.top_logprobs) logprobs_.push_back(logprob_of(vocab_, logits, token, *form_.top_logprobs));
}

bool ResponseStream::text(std::string text) {
  if (!form_.reasoning) return tell({}, without_calls(std::move(text)));
  const bool thought = form_.reasoning->inside();
  auto read = form_.reasoning->push(text);
  if (thought || form_.reasoning->inside()) logprobs_.clear();  // asked for are those of the answer
  return tell_read(std::move(read));
}

bool ResponseStream::end(run::FinishReason reason, const std::string& stop_string) {
  if (form_.reasoning && !tell_read(form_.reasoning->finish())) return false;
  if (form_.calls && !tell({}, form_.calls->finish())) return false;
  if (!(logprobs_.empty() && tokens_.empty()) && !tell({}, {})) return false;
  const bool length = reason == run::FinishReason::length;
  const api::Finish finish = called_ ? api::Finish::tool_calls : length ? api::Finish::length : api::Finish::stop;
  return listener_.end_of_choice(
      {.choice = choice_, .finish = finish, .stop_string = stop_string, .timings = timings_});
}

bool ResponseStream::tell_read(api::ReasoningReader::Read read) {
  return tell(std::move(read.thoughts), without_calls(std::move(read.answer)));
}

bool ResponseStream::tell(std::string thoughts, std::string text) {
  api::Piece piece{.choice = choice_, .text = std::move(text), .reasoning = std::move(thoughts)};
  if (form_.calls) piece.tool_calls = form_.calls->take();
  for (api::ToolCall& call : piece.tool_calls) call.id = "call_" + random_id();
  called_ = called_ || !piece.tool_calls.empty();
  if (!form_.reasoning || form_.reasoning->answers()) piece.logprobs = std::exchange(logprobs_, {});
  piece.tokens = std::exchange(tokens_, {});
  const bool nothing = piece.text.empty() && piece.reasoning.empty() && piece.tool_calls.empty();
  if (nothing && piece.logprobs.empty() && piece.tokens.empty()) {
    listener_.nothing_yet();
    return true;
  }
  if (form_.tells_times) piece.timings = timings_;
  return listener_.piece(piece);
}

std::string ResponseStream::without_calls(std::string text) { return form_.calls ? form_.calls->push(text) : text; }

}  // namespace plimsoll::server
