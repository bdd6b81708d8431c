// Embeddings and ranking, for models that were planned for them.
#include <fmt/format.h>

#include <algorithm>

#include "api/embedding_request.hpp"
#include "base/clock.hpp"
#include "run/embedder.hpp"
#include "run/reranker.hpp"

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

using Tokens = std::vector<std::vector<engine::Token>>;

void check_inputs(const PromptReader& reader, const Tokens& inputs, const char* field) {
  if (reader.facts().has_encoder && reader.facts().has_decoder)
    throw api::bad_request(fmt::format("'{}' is an encoder-decoder model: it gives no vectors of texts", reader.name()))
        .at("model");
  const std::size_t longest = run::longest_input(reader.context());
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (inputs[i].empty()) throw api::bad_request(fmt::format("'{}[{}]' is empty", field, i)).at(field);
    reader.require_tokens(inputs[i]);
    if (inputs[i].size() <= longest) continue;
    throw Error(ErrorCode::context_overflow,
                fmt::format("'{}[{}]' is {} tokens long, and '{}' takes {} at once (ubatch-size, ctx-size)", field, i,
                            inputs[i].size(), reader.name(), longest),
                {{"needed", inputs[i].size()}, {"available", longest}, {"input", i}});
  }
}

void cut_long_ones(const PromptReader& reader, Tokens& inputs) {
  const std::size_t longest = run::longest_input(reader.context());
  for (std::vector<engine::Token>& input : inputs) input.resize(std::min(input.size(), longest));
}

Tokens read_inputs(const PromptReader& reader, const api::EmbeddingRequest& request) {
  if (reader.context().pooling == engine::Pooling::none)
    throw api::bad_request(fmt::format("'{}' gives a vector for each token, not one for a text", reader.name()))
        .at("model");
  api::require_dimensions(request, static_cast<std::size_t>(reader.facts().n_embd_out));
  Tokens out;
  for (const auto& input : request.inputs) {
    const auto* text = std::get_if<std::string>(&input);
    out.push_back(text != nullptr ? reader.vocab().tokenize(*text, true, true)
                                  : std::get<std::vector<engine::Token>>(input));  // no request mixes them
  }
  if (request.truncate) cut_long_ones(reader, out);
  check_inputs(reader, out, "input");
  return out;
}

Tokens read_pairs(const PromptReader& reader, const api::RankRequest& request) {
  Tokens out;
  for (const std::string& document : request.documents)
    out.push_back(run::ranked_pair(reader.model(), request.query, document));
  check_inputs(reader, out, "documents");
  return out;
}

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
  Tokens inputs;
  LeasedModel leased =
      lease_model(request, out.model, [&](const PromptReader& reader) { inputs = read_inputs(reader, asked); }, client);
  out.load_ms = watch.elapsed_ms();
  const run::EmbedParams params{.stop = leased.watched->token(),
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
  Tokens pairs;
  LeasedModel leased =
      lease_model(request, model, [&](const PromptReader& reader) { pairs = read_pairs(reader, asked); }, client);
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

void Server::Impl::add_embedding_routes() {
  http->Post("/v1/embeddings", answering([this](const httplib::Request& request, httplib::Response& response) {
               const api::EmbeddingRequest asked = api::read_embedding_request(api::parse_object(request.body));
               put_patiently(request, response, [this, asked, &request](const std::shared_ptr<Peer>& client) {
                 const Embedded done = embed(request, asked, client);
                 return api::embedding_answer(asked, done.model, done.vectors, done.tokens);
               });
             }));
  http->Post("/embedding", answering([this](const httplib::Request& request, httplib::Response& response) {
               const api::EmbeddingRequest asked = api::read_llama_embedding(api::parse_object(request.body));
               put_patiently(request, response, [this, asked, &request](const std::shared_ptr<Peer>& client) {
                 return api::llama_embedding_answer(embed(request, asked, client).vectors);
               });
             }));
  const auto ranks = answering([this](const httplib::Request& request, httplib::Response& response) {
    const api::RankRequest asked = api::read_rank_request(api::parse_object(request.body));
    put_patiently(request, response, [this, asked, &request](const std::shared_ptr<Peer>& client) {
      return rank(request, asked, client);
    });
  });
  for (const char* path : {"/v1/rerank", "/v1/reranking", "/rerank"}) http->Post(path, ranks);
}

}  // namespace plimsoll::server
