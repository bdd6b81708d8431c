#include "api/ollama_embedding.hpp"

#include <cmath>

#include "ollama_fields.hpp"
#include "text_fields.hpp"

namespace plimsoll::api {
namespace {

std::int64_t nanoseconds(double ms) { return std::llround(ms * 1e6); }

OllamaEmbedding read_common(Fields& fields) {
  OllamaEmbedding out;
  out.asked_for = fields.text("model").value_or("");
  out.request.model = read_ollama_model(fields);
  out.request.truncate = fields.flag("truncate").value_or(true);
  out.keep_alive = read_keep_alive(fields, "keep_alive");
  fields.ignore({"options"});  // about sampling, and about sizes that are planned
  return out;
}

bool says_nothing(const Json* input) {
  return input == nullptr || *input == "" || (input->is_array() && input->empty());
}

}  // namespace

OllamaEmbedding read_ollama_embed(const Json& body) {
  Fields fields(body);
  OllamaEmbedding out = read_common(fields);
  if (!says_nothing(fields.find("input")))
    out.request.inputs = read_texts_or_tokens(fields, "input", kMostInputs, "texts");
  out.request.dimensions = static_cast<std::size_t>(fields.whole("dimensions", 1, 1'000'000).value_or(0));
  fields.pass_over_unknown();
  return out;
}

OllamaEmbedding read_ollama_embeddings(const Json& body) {
  Fields fields(body);
  OllamaEmbedding out = read_common(fields);
  if (!says_nothing(fields.find("prompt"))) out.request.inputs.emplace_back(fields.need_text("prompt"));
  fields.pass_over_unknown();
  return out;
}

Json ollama_embed_answer(const OllamaEmbedding& asked, const std::vector<std::vector<float>>& vectors,
                         const EmbeddingCost& cost) {
  Json embeddings = Json::array();
  for (const std::vector<float>& vector : vectors) embeddings.push_back(shortened(vector, asked.request.dimensions));
  return {{"model", asked.asked_for},
          {"embeddings", std::move(embeddings)},
          {"total_duration", nanoseconds(cost.total_ms)},
          {"load_duration", nanoseconds(cost.load_ms)},
          {"prompt_eval_count", cost.tokens}};
}

Json ollama_embeddings_answer(const std::vector<std::vector<float>>& vectors) {
  return {{"embedding", vectors.empty() ? Json::array() : Json(vectors.front())}};
}

}  // namespace plimsoll::api
