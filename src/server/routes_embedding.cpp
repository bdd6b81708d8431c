// Embeddings and ranking, for models that were planned for them.
#include <fmt/format.h>

#include <algorithm>

#include "api/embedding_request.hpp"
#include "base/clock.hpp"
#include "run/embedder.hpp"
#include "run/reranker.hpp"

#include "embedding_inputs.hpp"
#include "server_impl.hpp"

namespace plimsoll::server {
namespace {

std::string embedding_model(const host::Host& host, const std::string& name, bool ranking) {
  const auto suits = [&](const host::FleetModel& model) {
    const engine::ContextParams& context = model.request.dry_run.context;
    return context.embeddings && (context.pooling == engine::Pooling::rank) == ranking;
  };
  const char* what = ranking ? "ranking" : "embeddings";
  const std::shared_ptr<const host::Fleet> fleet = host.fleet();
  // Editors send the name of a model that they know; where only one can be meant, it is that.
  const bool is_meant = !find_model(fleet, name) && std::ranges::count_if(fleet->models, suits) == 1;
  if (name.empty() || is_meant) {
    const auto found = std::ranges::find_if(fleet->models, suits);
    if (found != fleet->models.end()) return found->request.name;
    throw api::bad_request(fmt::format("this server has no model for {}", what)).at("model");
  }
  const std::shared_ptr<const host::FleetModel> model = model_asked_for(host, name);
  if (suits(*model)) return model->request.name;
  throw api::bad_request(fmt::format("'{}' was not planned for {}; in the fleet file that is {}", name, what,
                                     ranking ? "embeddings = true and pooling = \"rank\"" : "embeddings = true"))
      .at("model");
}

// Of a vector's number: itself, its JSON and the text of that.
constexpr std::size_t kOfANumber = 40;

std::size_t rows_of(const PromptReader& reader, const TokenLists& inputs) {
  if (!gives_rows(reader)) return inputs.size();
  return std::ranges::fold_left(inputs, std::size_t{0},
                                [](std::size_t sum, const auto& input) { return sum + input.size(); });
}

// OpenAI's clients always name a model.
bool is_llamas(const api::Json& body) { return body.contains("content") || !body.contains("model"); }

}  // namespace

// How many there are is known now alone: what is beyond the key's limit is owed, and its next request waits for it.
void Server::Impl::charge_tokens(const httplib::Request& request, std::size_t tokens) {
  const auto now = std::chrono::steady_clock::now();
  key_usage.took(owner_of(request), tokens, 0, 0, now);
  key_usage.owe(owner_of(request), static_cast<double>(tokens), now);
}

Server::Impl::Embedded Server::Impl::embed(const httplib::Request& request, const api::EmbeddingRequest& asked,
                                           const std::shared_ptr<Peer>& client) {
  const Stopwatch watch;
  Embedded out{.model = embedding_model(host, asked.model, false), .vectors = {}};
  TokenLists inputs;
  run::Normalisation normalisation{};
  const auto read = [&](const PromptReader& reader) {
    inputs = read_inputs(reader, asked);
    normalisation = gives_rows(reader) ? run::Normalisation::none : run::Normalisation::l2;
    out.memory = request_memory.take(0);
    out.width = static_cast<std::size_t>(reader.facts().n_embd_out);
    out.memory->grow(Bytes{rows_of(reader, inputs) * out.width * kOfANumber});
  };
  LeasedModel leased = lease_model(request, out.model, read, client);
  out.load_ms = watch.elapsed_ms();
  const run::EmbedParams params{.normalisation = normalisation,
                                .stop = leased.watched->token(),
                                .between_batches = [&] { give_way_if_asked(request, leased); }};
  for (run::Embedding& embedding : leased.lease->served().embed(inputs, params)) {
    out.tokens += embedding.tokens;
    out.vectors.push_back(std::move(embedding.values));
  }
  counters.text(out.model, {.prompt_tokens = out.tokens}, TokenTimes::none(), true);
  charge_tokens(request, out.tokens);
  return out;
}

api::Json Server::Impl::rank(const httplib::Request& request, const api::RankRequest& asked,
                             const std::shared_ptr<Peer>& client) {
  const std::string model = embedding_model(host, asked.model, true);
  const auto memory = request_memory.take(0);
  TokenLists pairs;
  const auto read = [&](const PromptReader& reader) { pairs = read_pairs(reader, asked, *memory); };
  LeasedModel leased = lease_model(request, model, read, client);
  const run::RankParams params{.top_n = asked.top_n, .stop = leased.watched->token(), .between_batches = [&] {
                                 give_way_if_asked(request, leased);
                               }};
  auto ranked = leased.lease->served().rank(pairs, params);
  run::best_first(ranked);
  std::vector<api::Score> scores;
  std::size_t tokens = 0;
  for (const run::Ranked& one : ranked) {
    scores.push_back({.document = one.document, .score = one.score});
    tokens += one.tokens;
  }
  counters.text(model, {.prompt_tokens = tokens}, TokenTimes::none(), true);
  charge_tokens(request, tokens);
  return api::rank_answer(asked, model, scores, tokens);
}

api::Json Server::Impl::embed_for_openai(const httplib::Request& request, const api::EmbeddingRequest& asked,
                                         const std::shared_ptr<Peer>& client) {
  const Embedded done = embed(request, asked, client);
  return api::embedding_answer(asked, done.model, done.vectors, done.tokens);
}

api::Json Server::Impl::embed_for_llama(const httplib::Request& request, const api::EmbeddingRequest& asked,
                                        const std::shared_ptr<Peer>& client) {
  const Embedded done = embed(request, asked, client);
  return api::llama_embedding_answer(done.vectors, done.width);
}

void Server::Impl::add_embedding_routes() {
  const auto embeds = [this](bool (*llamas)(const api::Json& body)) {
    return working([this, llamas](const httplib::Request& request, httplib::Response& response, Counted counted) {
      const api::Json body = api::parse_object(request.body);
      const bool is_llama = llamas(body);
      const api::EmbeddingRequest asked =
          is_llama ? api::read_llama_embedding(body) : api::read_embedding_request(body);
      put_patiently(request, response, std::move(counted),
                    [this, asked, is_llama, &request](const std::shared_ptr<Peer>& client) {
                      return is_llama ? embed_for_llama(request, asked, client)
                                      : embed_for_openai(request, asked, client);
                    });
    });
  };
  http->Post("/v1/embeddings", embeds([](const api::Json&) { return false; }));
  http->Post("/embedding", embeds([](const api::Json&) { return true; }));
  http->Post("/embeddings", embeds(is_llamas));
  const auto ranks = working([this](const httplib::Request& request, httplib::Response& response, Counted counted) {
    const api::RankRequest asked = api::read_rank_request(api::parse_object(request.body));
    put_patiently(request, response, std::move(counted), [this, asked, &request](const std::shared_ptr<Peer>& client) {
      return rank(request, asked, client);
    });
  });
  for (const char* path : {"/v1/rerank", "/v1/reranking", "/rerank"}) http->Post(path, ranks);
}

}  // namespace plimsoll::server
