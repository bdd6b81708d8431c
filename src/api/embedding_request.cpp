#include "api/embedding_request.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <ranges>

#include "api/problem.hpp"

#include "api/openai_parts.hpp"
#include "text_fields.hpp"

namespace plimsoll::api {

// Shortened vectors are of length 1 again, as those trained for it are meant to be used.
std::vector<float> shortened(std::vector<float> vector, std::size_t dimensions) {
  if (dimensions == 0) return vector;
  vector.resize(dimensions);
  double squares = 0;
  for (const float number : vector) squares += static_cast<double>(number) * number;
  if (squares <= 0) return vector;
  const auto scale = static_cast<float>(1 / std::sqrt(squares));
  for (float& number : vector) number *= scale;
  return vector;
}

namespace {

std::string bytes_of(const std::vector<float>& vector) {
  static_assert(std::endian::native == std::endian::little, "the protocol's floats are little-endian");
  std::string bytes(vector.size() * sizeof(float), '\0');
  std::memcpy(bytes.data(), vector.data(), bytes.size());
  return bytes;
}

}  // namespace

std::string base64(std::string_view bytes) {
  static constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  out.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const std::size_t count = std::min<std::size_t>(3, bytes.size() - i);
    std::uint32_t group = 0;
    for (std::size_t j = 0; j < 3; ++j)
      group = group << 8U | (j < count ? static_cast<unsigned char>(bytes[i + j]) : 0U);
    for (std::size_t j = 0; j < 4; ++j) out += j <= count ? kDigits[group >> (18U - 6U * j) & 63U] : '=';
  }
  return out;
}

EmbeddingRequest read_embedding_request(const Json& body) {
  Fields fields(body);
  EmbeddingRequest request;
  request.model = fields.text("model").value_or("");
  request.inputs = read_texts_or_tokens(fields, "input", kMostInputs, "texts");
  const std::string format = fields.text("encoding_format").value_or("float");
  if (format != "float" && format != "base64") fields.fail("encoding_format", "must be 'float' or 'base64'");
  request.base64 = format == "base64";
  request.dimensions = static_cast<std::size_t>(fields.whole("dimensions", 1, 1'000'000).value_or(0));
  ignore_openai_fields(fields);
  fields.pass_over_unknown();
  return request;
}

void require_dimensions(const EmbeddingRequest& request, std::size_t width) {
  if (request.dimensions <= width) return;
  throw bad_request(fmt::format("'dimensions' is {}, and this model's vectors have {}", request.dimensions, width))
      .at("dimensions");
}

Json embedding_answer(const EmbeddingRequest& request, const std::string& model,
                      const std::vector<std::vector<float>>& vectors, std::size_t tokens) {
  Json data = Json::array();
  for (const std::vector<float>& vector : vectors) {
    const std::vector<float> numbers = shortened(vector, request.dimensions);
    data.push_back({{"object", "embedding"},
                    {"index", data.size()},
                    {"embedding", request.base64 ? Json(base64(bytes_of(numbers))) : Json(numbers)}});
  }
  return {{"object", "list"},
          {"data", std::move(data)},
          {"model", model},
          {"usage", {{"prompt_tokens", tokens}, {"total_tokens", tokens}}}};
}

EmbeddingRequest read_llama_embedding(const Json& body) {
  Fields fields(body);
  EmbeddingRequest request;
  request.model = fields.text("model").value_or("");
  request.inputs =
      read_texts_or_tokens(fields, fields.find("content") != nullptr ? "content" : "input", kMostInputs, "texts");
  request.takes_rows = true;
  fields.ignore({"embd_normalize"});
  ignore_openai_fields(fields);
  fields.pass_over_unknown();
  return request;
}

Json llama_embedding_answer(const std::vector<std::vector<float>>& vectors, std::size_t width) {
  Json out = Json::array();
  for (const std::vector<float>& vector : vectors) {
    Json rows = Json::array();
    for (const auto row : vector | std::views::chunk(width)) rows.push_back(std::vector<float>(row.begin(), row.end()));
    out.push_back({{"index", out.size()}, {"embedding", std::move(rows)}});
  }
  return out;
}

RankRequest read_rank_request(const Json& body) {
  Fields fields(body);
  RankRequest request;
  request.model = fields.text("model").value_or("");
  request.query = fields.need_text("query");
  request.bare_list = fields.find("documents") == nullptr && fields.find("texts") != nullptr;
  const char* key = request.bare_list ? "texts" : "documents";
  const Json& documents = fields.need(key);
  if (!documents.is_array() || documents.empty()) fields.fail(key, "must be a list of at least one text");
  if (documents.size() > kMostInputs) fields.fail(key, fmt::format("may hold {} texts at most", kMostInputs));
  for (std::size_t i = 0; i < documents.size(); ++i) {
    const std::string path = fmt::format("{}[{}]", key, i);
    if (documents[i].is_string())
      request.documents.push_back(documents[i].get<std::string>());
    else
      request.documents.push_back(Fields(documents[i], path).need_text("text"));
  }
  request.top_n = static_cast<std::size_t>(fields.whole("top_n", 1, 1'000'000).value_or(0));
  request.return_documents = fields.flag("return_documents").value_or(fields.flag("return_text").value_or(false));
  if (request.bare_list) fields.ignore({"raw_scores", "truncate", "truncation_direction"});
  ignore_openai_fields(fields);
  fields.pass_over_unknown();
  return request;
}

namespace {

Json bare_list(const RankRequest& request, const std::vector<Score>& scores) {
  Json out = Json::array();
  for (const Score& score : scores) {
    Json one{{"index", score.document}, {"score", score.score}};
    if (request.return_documents) one["text"] = request.documents.at(score.document);
    out.push_back(std::move(one));
  }
  return out;
}

}  // namespace

Json rank_answer(const RankRequest& request, const std::string& model, const std::vector<Score>& scores,
                 std::size_t tokens) {
  if (request.bare_list) return bare_list(request, scores);
  Json results = Json::array();
  for (const Score& score : scores) {
    Json result{{"index", score.document}, {"relevance_score", score.score}};
    if (request.return_documents) result["document"] = {{"text", request.documents.at(score.document)}};
    results.push_back(std::move(result));
  }
  return {{"object", "list"},
          {"model", model},
          {"results", std::move(results)},
          {"usage", {{"prompt_tokens", tokens}, {"total_tokens", tokens}}}};
}

}  // namespace plimsoll::api
