// What OpenAI's and llama-server's clients look at beside the answers: models, health, tokens, templates, metrics.
#include <fmt/format.h>

#include <chrono>

#include <plimsoll/base/version.hpp>
#include <plimsoll/engine/model.hpp>
#include <plimsoll/monitor/prometheus.hpp>

#include "server_impl.hpp"

namespace plimsoll::server {
namespace {

using api::Json;

Json model_json(const host::FleetModel& model, const host::ModelStatus& status, const plan::ModelPlan& plan) {
  return {{"id", model.request.name},
          {"object", "model"},
          {"created", 0},
          {"owned_by", "plimsoll"},
          {"meta",
           {{"state", host::to_string(status.state)},
            {"architecture", plan.survey.model.architecture},
            {"n_ctx", plan.survey.context.n_ctx_seq},
            {"n_ctx_train", plan.survey.model.n_ctx_train},
            {"n_embd", plan.survey.model.n_embd},
            {"n_vocab", plan.survey.model.n_vocab},
            {"n_params", plan.survey.model.n_params},
            {"embeddings", model.request.survey.context.embeddings}}}};
}

std::string text_field(const Json& body, const char* key) {
  const auto found = body.find(key);
  if (found == body.end() || !found->is_string())
    throw api::bad_request(fmt::format("'{}' must be a string", key)).at(key);
  return found->get<std::string>();
}

bool flag_field(const Json& body, const char* key, bool otherwise) {
  const auto found = body.find(key);
  if (found == body.end() || found->is_null()) return otherwise;
  if (!found->is_boolean()) throw api::bad_request(fmt::format("'{}' must be true or false", key)).at(key);
  return found->get<bool>();
}

std::string model_field(const Json& body) { return body.contains("model") ? text_field(body, "model") : std::string(); }

}  // namespace

std::string Server::Impl::metrics() {
  return monitor::to_prometheus(monitor::take_sample(host), monitor.counters()) + counters.to_prometheus();
}

void Server::Impl::add_llama_routes() {
  const auto health = [this](const httplib::Request&, httplib::Response& response) {
    if (ending) return put(response, api::Problem(503, "ending", "the server is ending"), api::ErrorShape::openai);
    if (ready()) return put(response, {{"status", "ok"}});
    put(response, api::Problem(503, "loading", "models are being loaded"), api::ErrorShape::openai);
  };
  http->Get("/health", health);
  http->Get("/v1/health", health);

  http->Get("/v1/models", answering([this](const httplib::Request&, httplib::Response& response) {
              Json data = Json::array();
              const host::HostStatus status = host.status();
              for (std::size_t i = 0; i < status.models.size(); ++i)
                data.push_back(model_json(host.fleet().models[i], status.models[i], host.plans()[i]));
              put(response, {{"object", "list"}, {"data", std::move(data)}});
            }));
  http->Get(R"(/v1/models/(.+))", answering([this](const httplib::Request& request, httplib::Response& response) {
              const std::string name = request.matches[1];
              const host::HostStatus status = host.status();
              for (std::size_t i = 0; i < status.models.size(); ++i) {
                if (status.models[i].name == name)
                  return put(response, model_json(host.fleet().models[i], status.models[i], host.plans()[i]));
              }
              throw api::no_such_model(name);
            }));

  http->Get("/props", answering([this](const httplib::Request& request, httplib::Response& response) {
              const std::string name = model_asked_for(host, request.get_param_value("model")).request.name;
              const host::HostStatus status = host.status();
              for (std::size_t i = 0; i < status.models.size(); ++i) {
                if (status.models[i].name != name) continue;
                put(response, {{"build_info", fmt::format("plimsoll {}", version())},
                               {"model_alias", name},
                               {"total_slots", status.models[i].seats},
                               {"default_generation_settings", {{"n_ctx", host.plans()[i].survey.context.n_ctx_seq}}},
                               {"state", host::to_string(status.models[i].state)}});
              }
            }));

  http->Post("/tokenize", answering([this](const httplib::Request& request, httplib::Response& response) {
               const Json body = api::parse_object(request.body);
               const std::string text = text_field(body, "content");
               const auto work = begin_work();
               const auto watched = watch(request);
               const host::Lease lease = lease_of(host, model_asked_for(host, model_field(body)).request.name,
                                                  options.limits, watched->token());
               const engine::Vocab vocab = lease.instance().model()->vocab();
               const auto tokens = vocab.tokenize(text, flag_field(body, "add_special", false),
                                                  flag_field(body, "parse_special", true));
               if (!flag_field(body, "with_pieces", false)) return put(response, {{"tokens", tokens}});
               Json pieces = Json::array();
               for (const engine::Token token : tokens)
                 pieces.push_back({{"id", token}, {"piece", vocab.piece(token, true)}});
               put(response, {{"tokens", std::move(pieces)}});
             }));

  http->Post(
      "/detokenize", answering([this](const httplib::Request& request, httplib::Response& response) {
        const Json body = api::parse_object(request.body);
        const auto found = body.find("tokens");
        if (found == body.end() || !found->is_array())
          throw api::bad_request("'tokens' must be a list of token ids").at("tokens");
        const auto work = begin_work();
        const auto watched = watch(request);
        const host::Lease lease =
            lease_of(host, model_asked_for(host, model_field(body)).request.name, options.limits, watched->token());
        const engine::Vocab vocab = lease.instance().model()->vocab();
        std::vector<engine::Token> tokens;
        for (const Json& entry : *found) {
          if (!entry.is_number_integer() || entry < 0 || entry >= vocab.n_tokens())
            throw api::bad_request(fmt::format("'tokens' must hold token ids from 0 to {}", vocab.n_tokens() - 1))
                .at("tokens");
          tokens.push_back(entry.get<engine::Token>());
        }
        put(response, {{"content", vocab.detokenize(tokens, true)}});
      }));

  http->Post("/apply-template", answering([this](const httplib::Request& request, httplib::Response& response) {
               const api::Asked asked = api::read_chat_completion(api::parse_object(request.body));
               const auto& chat = std::get<api::ChatPrompt>(asked.request.prompt);
               const auto work = begin_work();
               const auto watched = watch(request);
               const std::string name = model_asked_for(host, asked.request.model).request.name;
               const host::Lease lease = lease_of(host, name, options.limits, watched->token());
               const auto read = templates.of(name, lease.instance().model());
               put(response, {{"prompt", read->chat.apply(chat.messages, true, chat.tools)}});
             }));

  http->Get("/metrics", answering([this](const httplib::Request&, httplib::Response& response) {
              response.set_content(metrics(), monitor::kPrometheusContentType);
            }));
}

}  // namespace plimsoll::server
