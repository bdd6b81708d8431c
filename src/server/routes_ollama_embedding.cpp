// Ollama's /api/embed and /api/embeddings.
#include "api/ollama_embedding.hpp"
#include "base/clock.hpp"

#include "keep_alive.hpp"
#include "server_impl.hpp"

namespace plimsoll::server {

// Without an input, the model is only loaded.
Server::Impl::Embedded Server::Impl::embed_for_ollama(const httplib::Request& request,
                                                      const api::OllamaEmbedding& asked,
                                                      const std::shared_ptr<Peer>& client) {
  const bool goes = asked.keep_alive && asked.keep_alive->idle && asked.keep_alive->idle->count() == 0;
  Embedded out;
  if (!asked.request.inputs.empty()) {
    out = embed(request, asked.request, client);
  } else {
    out.model = model_asked_for(host, asked.request.model)->request.name;
    const auto watched = watch(request, client).watched;
    if (!goes) load_ahead(out.model, watched->token());
  }
  keep_alive(host, out.model, asked.keep_alive);
  return out;
}

void Server::Impl::add_ollama_embedding() {
  http->Post(
      "/api/embed", working([this](const httplib::Request& request, httplib::Response& response, Counted counted) {
        const Stopwatch stopwatch;
        const api::OllamaEmbedding asked = api::read_ollama_embed(api::parse_object(request.body));
        put_patiently(request, response, std::move(counted), [=, this, &request](const std::shared_ptr<Peer>& client) {
          const Embedded done = embed_for_ollama(request, asked, client);
          return api::ollama_embed_answer(
              asked, done.vectors,
              {.tokens = done.tokens, .load_ms = done.load_ms, .total_ms = stopwatch.elapsed_ms()});
        });
      }));
  http->Post(
      "/api/embeddings", working([this](const httplib::Request& request, httplib::Response& response, Counted counted) {
        const api::OllamaEmbedding asked = api::read_ollama_embeddings(api::parse_object(request.body));
        put_patiently(request, response, std::move(counted), [=, this, &request](const std::shared_ptr<Peer>& client) {
          return api::ollama_embeddings_answer(embed_for_ollama(request, asked, client).vectors);
        });
      }));
}

}  // namespace plimsoll::server
