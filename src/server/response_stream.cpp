#include "response_stream.hpp"

#include <utility>

#include "random_id.hpp"

namespace plimsoll::server {

void ResponseStream::on_token(engine::Token token, std::optional<api::TokenLogprob> logprob) {
  if (form_.reasoning && form_.reasoning->inside()) ++tokens_of_thoughts_;
  if (form_.shows_tokens) tokens_.push_back(token);
  if (logprob) logprobs_.push_back(std::move(*logprob));
}

bool ResponseStream::echo(std::string text, std::vector<api::TokenLogprob> logprobs) {
  auto of_the_answer = std::exchange(logprobs_, std::move(logprobs));  // its beginning may have been read by now
  auto check = std::exchange(form_.check, std::nullopt);
  const bool is_heard = this->text(std::move(text));
  form_.check = std::move(check);
  logprobs_ = std::move(of_the_answer);
  return is_heard;
}

bool ResponseStream::is_beside_the_answer() const {
  return form_.reasoning->inside() || form_.reasoning->in_a_header();
}

bool ResponseStream::text(std::string text) {
  if (!form_.reasoning) return tell({}, without_calls(std::move(text)));
  const bool beside = is_beside_the_answer();
  auto read = form_.reasoning->push(text);
  if (beside || is_beside_the_answer()) logprobs_.clear();  // asked for are those of the answer
  return tell_read(std::move(read));
}

bool ResponseStream::end(run::FinishReason reason, const std::string& stop_string, std::optional<double> mean_logprob) {
  if (form_.reasoning && !tell_read(form_.reasoning->finish())) return false;
  if (form_.calls && !tell({}, form_.calls->finish(form_.calls_are_required))) return false;
  if (!(logprobs_.empty() && tokens_.empty()) && !tell({}, {})) return false;
  const bool length = reason == run::FinishReason::length;
  const bool whole = called_ && !(length && form_.calls->cut());  // no call of it was cut
  const api::Finish finish = whole ? api::Finish::tool_calls : length ? api::Finish::length : api::Finish::stop;
  if (form_.check) schema_check_ = form_.check->verdict();
  if (schema_check_ && length)
    schema_check_ = {.kind = api::SchemaVerdict::Kind::undecided, .sentence = "the answer was cut"};
  return listener_.end_of_choice({.choice = choice_,
                                  .finish = finish,
                                  .stop_string = stop_string,
                                  .timings = timings_,
                                  .mean_logprob = mean_logprob,
                                  .schema_check = schema_check_});
}

bool ResponseStream::tell_read(api::ReasoningReader::Read read) {
  return tell(std::move(read.thoughts), without_calls(std::move(read.answer)));
}

bool ResponseStream::tell(std::string thoughts, std::string text) {
  api::Piece piece{.choice = choice_, .text = std::move(text), .reasoning = std::move(thoughts)};
  if (form_.calls) piece.tool_calls = form_.calls->take();
  for (api::ToolCall& call : piece.tool_calls) {
    if (call.id.empty()) call.id = "call_" + random_id();
  }
  called_ = called_ || !piece.tool_calls.empty();
  if (!form_.reasoning || form_.reasoning->answers()) piece.logprobs = std::exchange(logprobs_, {});
  piece.tokens = std::exchange(tokens_, {});
  const bool nothing = piece.text.empty() && piece.reasoning.empty() && piece.tool_calls.empty();
  if (nothing && piece.logprobs.empty() && piece.tokens.empty()) {
    listener_.nothing_yet();
    return true;
  }
  if (form_.tells_times) piece.timings = timings_;
  if (form_.check) form_.check->add(piece);
  return listener_.piece(piece);
}

std::string ResponseStream::without_calls(std::string text) { return form_.calls ? form_.calls->push(text) : text; }

}  // namespace plimsoll::server
