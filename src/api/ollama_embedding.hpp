// ollama_embedding: Ollama's /api/embed, and /api/embeddings, which is older.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "api/embedding_request.hpp"

namespace plimsoll::api {

struct OllamaEmbedding {
  EmbeddingRequest request{};  // without inputs: the model is only loaded
  std::string asked_for{};     // the model's name as the client wrote it
  std::optional<KeepAlive> keep_alive{};
};
[[nodiscard]] OllamaEmbedding read_ollama_embed(const Json& body);       // throws Problem
[[nodiscard]] OllamaEmbedding read_ollama_embeddings(const Json& body);  // throws Problem

struct EmbeddingCost {
  std::size_t tokens = 0;
  double load_ms = 0;
  double total_ms = 0;
};
[[nodiscard]] Json ollama_embed_answer(const OllamaEmbedding& asked, const std::vector<std::vector<float>>& vectors,
                                       const EmbeddingCost& cost);
[[nodiscard]] Json ollama_embeddings_answer(const std::vector<std::vector<float>>& vectors);

}  // namespace plimsoll::api
