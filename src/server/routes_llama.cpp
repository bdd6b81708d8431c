// What OpenAI's and llama-server's clients look at beside the answers: models, health, tokens, templates, metrics.
#include <fmt/format.h>

#include <algorithm>

#include "api/fields.hpp"
#include "base/version.hpp"
#include "engine/model.hpp"
#include "engine/prompt_tokens.hpp"
#include "monitor/machine_report.hpp"
#include "monitor/prometheus.hpp"

#include "media_prompt.hpp"
#include "model_list.hpp"
#include "preset.hpp"
#include "server_impl.hpp"

namespace plimsoll::server {
namespace {

using api::Json;

Json vllm_tokens(const PromptReader& reader, const std::vector<engine::Token>& tokens) {
  return {{"count", tokens.size()}, {"max_model_len", reader.context().n_ctx_seq}, {"tokens", tokens}};
}

// Anthropic's clients ask at the same paths, for another form.
bool is_anthropics(const httplib::Request& request) { return request.has_header("anthropic-version"); }

Json anthropic_model(const std::string& name) {
  return {{"type", "model"}, {"id", name}, {"display_name", name}, {"created_at", "1970-01-01T00:00:00Z"}};
}

Json anthropic_models(const host::Host& host) {
  Json data = Json::array();
  for (const KnownModel& known : known_models(host)) {
    data.push_back(anthropic_model(known.model->request.name));
    for (const host::Preset& preset : known.model->presets) data.push_back(anthropic_model(preset.name));
  }
  const auto id = [](const Json& model) { return model["id"]; };
  const Json first = data.empty() ? Json(nullptr) : id(data.front());
  const Json last = data.empty() ? Json(nullptr) : id(data.back());
  return {{"data", std::move(data)}, {"has_more", false}, {"first_id", first}, {"last_id", last}};
}

// Which models are failed. Why may name files, and whoever asks needs no key: that is in the status.
Json failed_models(const host::Host& host) {
  Json out = Json::array();
  for (const host::ModelStatus& model : host.status().models) {
    if (model.failure) out.push_back({{"model", model.name}, {"code", to_string(model.failure->code())}});
  }
  return out;
}

}  // namespace

std::string Server::Impl::metrics() {
  return monitor::to_prometheus(monitor::take_sample(host), monitor.counters(), host.times()) +
         monitor::to_prometheus(machine(), broker::boot_time()) + counters.to_prometheus() +
         ignored_fields.to_prometheus() + unheld.to_prometheus() + key_usage.to_prometheus() +
         (options.llama_metrics ? counters.to_llama_prometheus(host.status().waiting) : std::string{});
}

void Server::Impl::add_llama_routes() {
  const auto health = [this](const httplib::Request&, httplib::Response& response) {
    if (ending) return put(response, api::Problem(503, "ending", "the server is ending"), api::ErrorShape::openai);
    if (ready()) {
      Json body{{"status", "ok"}};
      if (Json failed = failed_models(host); !failed.empty()) body["failed"] = std::move(failed);
      return put(response, body);
    }
    put(response, api::Problem(503, "loading", "models are being loaded"), api::ErrorShape::openai);
  };
  http->Get("/health", health);
  http->Get("/v1/health", health);
  http->Get("/ping", health);  // as vLLM's and SageMaker's clients ask
  http->Get("/version", answering([](const httplib::Request&, httplib::Response& response) {
              put(response, Json{{"version", version()}});
            }));

  http->Get("/v1/models", answering([this](const httplib::Request& request, httplib::Response& response) {
              if (!request.get_param_value("reload").empty()) reload_or_throw(request);
              if (is_anthropics(request)) return put(response, anthropic_models(host));
              put(response, openai_models(host));
            }));
  http->Get(R"(/v1/models/(.+))", answering([this](const httplib::Request& request, httplib::Response& response) {
              const NamedModel named = model_named(host.fleet(), request.matches[1]);
              if (is_anthropics(request)) return put(response, anthropic_model(named.name()));
              const std::string& model = named.model->request.name;
              put(response,
                  openai_model(*named.model, named.preset, status_of(host, model), usable_plan_of(host, model)));
            }));

  http->Get("/metrics", answering([this](const httplib::Request&, httplib::Response& response) {
              response.set_content(metrics(), monitor::kPrometheusContentType);
            }));
}

void Server::Impl::add_tokenizer_routes() {
  http->Post("/tokenize", working([this](const httplib::Request& request, httplib::Response& response, const Counted&) {
               const Json body = api::parse_object(request.body);
               api::Fields fields(body);
               // vLLM's clients call it so, and ask for its begin unless they say otherwise.
               const auto prompt = body.contains("content") ? std::nullopt : fields.text("prompt");
               const std::string text = prompt ? *prompt : fields.need_text("content");
               const bool add_special =
                   fields.flag(prompt ? "add_special_tokens" : "add_special").value_or(prompt.has_value());
               const bool parse_special = fields.flag("parse_special").value_or(true);
               const bool with_pieces = fields.flag("with_pieces").value_or(false);
               read_with(request, fields.text("model").value_or(""),
                         [&](const PromptReader& reader, const std::stop_token&) {
                           const engine::Vocab vocab = reader.vocab();
                           const auto read = parse_special ? jinja::own_text(text) : jinja::input_text(text);
                           const auto tokens = engine::prompt_tokens(reader.model(), read, add_special);
                           if (prompt) return put(response, vllm_tokens(reader, tokens));
                           if (!with_pieces) return put(response, {{"tokens", tokens}});
                           Json pieces = Json::array();
                           for (const engine::Token token : tokens)
                             pieces.push_back({{"id", token}, {"piece", vocab.piece(token, true)}});
                           put(response, {{"tokens", std::move(pieces)}});
                         });
             }));

  http->Post(
      "/detokenize", working([this](const httplib::Request& request, httplib::Response& response, const Counted&) {
        const Json body = api::parse_object(request.body);
        api::Fields fields(body);
        const Json& given = fields.need("tokens");
        if (!given.is_array()) fields.fail("tokens", "must be a list of token ids");
        const std::vector<engine::Token> tokens = api::read_tokens(given, "tokens");
        read_with(request, fields.text("model").value_or(""), [&](const PromptReader& reader, const std::stop_token&) {
          const engine::Vocab vocab = reader.vocab();
          if (std::ranges::any_of(tokens, [&](engine::Token token) { return token >= vocab.n_tokens(); }))
            fields.fail("tokens", fmt::format("must hold token ids from 0 to {}", vocab.n_tokens() - 1));
          put(response, {{"content", vocab.detokenize(tokens, true)}});
        });
      }));

  http->Post("/apply-template",
             working([this](const httplib::Request& request, httplib::Response& response, const Counted&) {
               api::TextRequest asked = api::read_chat_completion(api::parse_object(request.body)).request;
               const NamedModel named = model_named(host.fleet(), asked.model);
               add_settings(options, *named.model, named.preset, asked);
               if (!asked.media.empty()) {
                 const std::string& model = named.model->request.name;
                 require_senses(asked, senses_of(host, model), model);
               }
               read_with(request, asked.model, [&](const PromptReader& reader, const std::stop_token& stop) {
                 const auto& chat = std::get<api::ChatPrompt>(asked.prompt);
                 const engine::PromptText prompt = reader.text_of(chat, named.chat_template(), stop);
                 const auto marker = [](std::size_t) { return std::string("<__media__>"); };
                 Json answer{{"prompt", asked.media.marks().with_marks_replaced(prompt.text, marker)}};
                 if (!has_media(asked.media) && reader.vocab().present())
                   answer["tokens"] = engine::prompt_tokens(reader.model(), prompt);
                 put(response, answer);
               });
             }));
}

}  // namespace plimsoll::server
