// Dialect: one API for text: where it lives, how a request is read, and how an answer is written.
//
// A new one is a file with a reader and an AnswerWriter, and an entry in dialects().
#pragma once
#include <memory>
#include <span>
#include <string>

#include "api/answer.hpp"
#include "api/problem.hpp"
#include "api/sse.hpp"
#include "api/text_request.hpp"

namespace plimsoll::api {

// The words of one answer. Streamed: begin(), then piece() and end_of_choice() as they come, choice after choice, then
// end() or failure(); each gives the events (or lines) to write, perhaps none. Not streamed: whole() alone.
class AnswerWriter {
 public:
  virtual ~AnswerWriter() = default;
  [[nodiscard]] virtual std::string begin(const ResponseMeta& meta) = 0;
  // In the place of begin(), before a failure(): what clients need to see first, so that they take that for one.
  [[nodiscard]] virtual std::string begin_to_fail(const ResponseMeta& /*meta*/) { return {}; }
  // Told where the request wants it, before the first piece.
  [[nodiscard]] virtual std::string progress(const PromptProgress& /*progress*/) { return {}; }
  // Says nothing, but shows that the answer still comes; anywhere between the others, before begin() as well.
  [[nodiscard]] virtual std::string heartbeat() const { return kComment; }
  [[nodiscard]] virtual std::string piece(const Piece& piece) = 0;
  [[nodiscard]] virtual std::string end_of_choice(const ChoiceEnd& end) = 0;
  [[nodiscard]] virtual std::string end(const Usage& usage) = 0;
  [[nodiscard]] virtual std::string failure(const Problem& problem) = 0;
  [[nodiscard]] virtual Json whole(const Answer& answer) = 0;
  // Of an answer that came to its end: what later requests may refer to by its "id".
  [[nodiscard]] virtual Json items() const { return Json::array(); }
  // The same as a whole, for who asks for it later, streamed or not; null: nobody can.
  [[nodiscard]] virtual Json finished_answer() const { return nullptr; }
};

struct Asked {
  TextRequest request;
  std::unique_ptr<AnswerWriter> writer;
  bool only_loads = false;  // nothing is asked but that the model is loaded, or goes (keep_alive 0)
};

struct Dialect {
  const char* path;
  ErrorShape errors;
  Asked (*read)(const Json& body);  // throws Problem
  const char* stream_type = kEventStream;
};

[[nodiscard]] std::span<const Dialect> dialects();

[[nodiscard]] Asked read_chat_completion(const Json& body);    // OpenAI's /v1/chat/completions
[[nodiscard]] Asked read_completion(const Json& body);         // OpenAI's /v1/completions
[[nodiscard]] Asked read_response(const Json& body);           // OpenAI's /v1/responses
[[nodiscard]] Asked read_message(const Json& body);            // Anthropic's /v1/messages
[[nodiscard]] Asked read_ollama_chat(const Json& body);        // Ollama's /api/chat
[[nodiscard]] Asked read_ollama_generate(const Json& body);    // Ollama's /api/generate
[[nodiscard]] Asked read_lm_studio_chat(const Json& body);     // LM Studio's /api/v1/chat
[[nodiscard]] Asked read_llama_completion(const Json& body);   // llama-server's /completion
[[nodiscard]] Asked read_llama_completions(const Json& body);  // /completions without /v1: llama-server's or OpenAI's
[[nodiscard]] Asked read_llama_infill(const Json& body);       // llama-server's /infill

}  // namespace plimsoll::api
