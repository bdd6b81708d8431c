// Embeddings and ranking: OpenAI's /v1/embeddings, and /v1/rerank as Jina and llama-server have it.
#pragma once
#include <cstddef>
#include <string>
#include <vector>

#include "api/text_request.hpp"

namespace plimsoll::api {

struct EmbeddingRequest {
  std::string model{};
  std::vector<RawPrompt> inputs{};
  bool base64 = false;         // little-endian 32-bit floats
  std::size_t dimensions = 0;  // the first so many, of length 1 again; 0: all
  bool takes_rows = false;     // a vector for each token, where the model gives no other
  bool truncate = false;       // an input that is too long is cut at its end, instead of refused
};
[[nodiscard]] EmbeddingRequest read_embedding_request(const Json& body);  // throws Problem
// Throws Problem where more numbers are asked for than the model's vectors have.
void require_dimensions(const EmbeddingRequest& request, std::size_t width);
// One vector for each input, at least as long as the dimensions that were asked for.
[[nodiscard]] Json embedding_answer(const EmbeddingRequest& request, const std::string& model,
                                    const std::vector<std::vector<float>>& vectors, std::size_t tokens);
// A vector as it was asked for.
[[nodiscard]] std::vector<float> shortened(std::vector<float> vector, std::size_t dimensions);
// llama-server's own /embedding: "content" instead of "input", and a list of vectors of `width` numbers for each.
[[nodiscard]] EmbeddingRequest read_llama_embedding(const Json& body);  // throws Problem
[[nodiscard]] Json llama_embedding_answer(const std::vector<std::vector<float>>& vectors, std::size_t width);

struct RankRequest {
  std::string model{};
  std::string query{};
  std::vector<std::string> documents{};
  std::size_t top_n = 0;  // 0: all
  bool return_documents = false;
  bool bare_list = false;  // as text-embeddings-inference has it: "texts" were asked about
};
[[nodiscard]] RankRequest read_rank_request(const Json& body);  // throws Problem
struct Score {
  std::size_t document = 0;
  double score = 0;
};
[[nodiscard]] Json rank_answer(const RankRequest& request, const std::string& model, const std::vector<Score>& scores,
                               std::size_t tokens);

[[nodiscard]] std::string base64(std::string_view bytes);

inline constexpr std::size_t kMostInputs = 2048;

}  // namespace plimsoll::api
