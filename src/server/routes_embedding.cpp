// Embeddings and ranking, for models that were planned for them.
#include <fmt/format.h>

#include <algorithm>

#include <plimsoll/api/embedding_request.hpp>
#include <plimsoll/run/embedder.hpp>
#include <plimsoll/run/reranker.hpp>

#include "server_impl.hpp"

namespace plimsoll::server {
namespace {

const host::FleetModel& embedding_model(const host::Host& host, const std::string& name, bool ranking) {
  const auto suits = [&](const host::FleetModel& model) {
    const engine::ContextParams& context = model.request.dry_run.context;
    return context.embeddings && (context.pooling == LLAMA_POOLING_TYPE_RANK) == ranking;
  };
  const char* what = ranking ? "ranking" : "embeddings";
  if (name.empty()) {
    const auto found = std::ranges::find_if(host.fleet().models, suits);
    if (found != host.fleet().models.end()) return *found;
    throw api::bad_request(fmt::format("none of the models here is for {}", what)).at("model");
  }
  const host::FleetModel& model = model_asked_for(host, name);
  if (suits(model)) return model;
  throw api::bad_request(fmt::format("'{}' was not planned for {}; in the fleet file that is {}", name, what,
                                     ranking ? "embeddings = true and pooling = \"rank\"" : "embeddings = true"))
      .at("model");
}

std::vector<std::vector<engine::Token>> tokens_of(const api::EmbeddingRequest& request, const engine::Vocab& vocab) {
  std::vector<std::vector<engine::Token>> out;
  for (const auto& input : request.inputs) {
    const auto* text = std::get_if<std::string>(&input);
    out.push_back(text != nullptr ? vocab.tokenize(*text, true, true) : std::get<std::vector<engine::Token>>(input));
    if (out.back().empty()) throw api::bad_request(fmt::format("'input[{}]' is empty", out.size() - 1)).at("input");
  }
  return out;
}

}  // namespace

void Server::Impl::add_embedding_routes() {
  http->Post("/v1/embeddings", answering([this](const httplib::Request& request, httplib::Response& response) {
               const api::EmbeddingRequest asked = api::read_embedding_request(api::parse_object(request.body));
               const std::string model = embedding_model(host, asked.model, false).request.name;
               const LeasedModel leased = lease_model(request, model);
               run::Embedder embedder(leased.lease.instance());
               const auto inputs = tokens_of(asked, leased.lease.instance().model()->vocab());
               std::vector<std::vector<float>> vectors;
               std::size_t tokens = 0;
               for (run::Embedding& embedding : embedder.embed(inputs, {.stop = leased.watched->token()})) {
                 if (embedding.rows() != 1)
                   throw api::bad_request(fmt::format("'{}' gives a vector for each token, not one for a text", model))
                       .at("model");
                 tokens += embedding.tokens;
                 vectors.push_back(std::move(embedding.values));
               }
               counters.text(model, {.prompt_tokens = tokens}, TokenTimes::none(), true);
               put(response, api::embedding_answer(asked, model, vectors, tokens));
             }));

  const auto rank = answering([this](const httplib::Request& request, httplib::Response& response) {
    const api::RankRequest asked = api::read_rank_request(api::parse_object(request.body));
    const std::string model = embedding_model(host, asked.model, true).request.name;
    const LeasedModel leased = lease_model(request, model);
    run::Reranker reranker(leased.lease.instance());
    auto ranked = reranker.rank(asked.query, asked.documents, {.top_n = asked.top_n, .stop = leased.watched->token()});
    run::best_first(ranked);
    std::vector<api::Score> scores;
    std::size_t tokens = 0;
    for (const run::Ranked& one : ranked) {
      scores.push_back({.document = one.document, .score = one.score});
      tokens += one.tokens;
    }
    counters.text(model, {.prompt_tokens = tokens}, TokenTimes::none(), true);
    put(response, api::rank_answer(asked, model, scores, tokens));
  });
  for (const char* path : {"/v1/rerank", "/v1/reranking", "/rerank"}) http->Post(path, rank);
}

}  // namespace plimsoll::server
