// ollama_fields: what Ollama's requests for text have in common, read into a TextRequest.
#pragma once
#include <memory>
#include <string>

#include "api/dialect.hpp"
#include "api/fields.hpp"

namespace plimsoll::api {

// "NAME:latest" is NAME.
[[nodiscard]] std::string without_latest(const std::string& model);
// "model", or its older spelling "name".
[[nodiscard]] std::string read_ollama_model(Fields& fields);

// How an Ollama answer is written.
struct OllamaForm {
  bool chat = true;            // a message, or a response
  bool thoughts = true;        // false: they are left out
  bool shows_context = false;  // the last line has the ids of prompt and answer
  bool unloads = false;        // the model goes after it
};

// model, stream (true where nothing is said), keep_alive, format, think, logprobs and options.
void read_ollama_common(Fields& fields, Asked& asked, OllamaForm& form);
[[nodiscard]] std::unique_ptr<AnswerWriter> ollama_writer(std::string model, const OllamaForm& form);

}  // namespace plimsoll::api
