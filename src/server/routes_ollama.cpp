// What Ollama's clients ask beside text and vectors: its version, which models are here, and those that change models.

#include "api/ollama_models.hpp"
#include "api/ollama_routes.hpp"
#include "base/version.hpp"

#include "ollama_facts.hpp"
#include "server_impl.hpp"

namespace plimsoll::server {

using api::Json;

void Server::Impl::add_ollama_routes() {
  http->Get("/api/version", [](const httplib::Request&, httplib::Response& response) {
    put(response, {{"version", api::kOllamaVersion}, {"plimsoll", version()}});
  });
  http->Get("/api/tags", answering([this](const httplib::Request&, httplib::Response& response) {
              put(response, api::ollama_tags(ollama_models(host)));
            }));
  http->Get("/api/ps", answering([this](const httplib::Request&, httplib::Response& response) {
              put(response, api::ollama_ps(ollama_loaded(host)));
            }));
  http->Post("/api/show", working([this](const httplib::Request& request, httplib::Response& response, const Counted&) {
               const std::string name = api::asked_ollama_model(api::parse_object(request.body));
               const NamedModel named = model_named(host.fleet(), name);
               read_with(request, named.model->request.name, [&](const PromptReader& reader, const std::stop_token&) {
                 put(response, api::ollama_show(ollama_shown(host, named, reader)));
               });
             }));
  add_ollama_embedding();
  add_ollama_refusals();
}

// The fleet says which models there are; requests change none of them.
void Server::Impl::add_ollama_refusals() {
  const auto refuse = [](const httplib::Request& request, httplib::Response& response) {
    put(response, api::fleet_is_fixed(request.path), api::ErrorShape::ollama);
  };
  // Programs pull what they are about to use: a model that is here needs nothing.
  http->Post("/api/pull", answering([this, refuse](const httplib::Request& request, httplib::Response& response) {
               const Json body = api::parse_object(request.body);
               try {
                 (void)model_asked_for(host, api::asked_ollama_model(body));
               } catch (const api::Problem&) {
                 return refuse(request, response);
               }
               const Json done{{"status", "success"}};
               if (api::Fields(body).flag("stream").value_or(true))
                 response.set_content(api::json_line(done), api::kJsonLines);
               else
                 put(response, done);
             }));
  http->Post("/api/push", refuse);
  http->Post("/api/create", refuse);
  http->Post("/api/copy", refuse);
  http->Delete("/api/delete", refuse);
  http->Post(R"(/api/blobs/(.+))", refuse);
  http->Get(R"(/api/blobs/(.+))", refuse);  // Ollama's clients ask with HEAD
}

}  // namespace plimsoll::server
