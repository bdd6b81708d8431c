// LM Studio's own API for models: which are here, loading and unloading. Its chat is one of api::dialects().
#include <chrono>

#include "api/fields.hpp"
#include "api/ollama_routes.hpp"

#include "model_list.hpp"
#include "server_impl.hpp"

namespace plimsoll::server {

using api::Json;

// A model that is planned to the byte is loaded as it is planned.
void Server::Impl::load_for_lm_studio(const httplib::Request& request, httplib::Response& response) {
  const Json body = api::parse_object(request.body);
  api::Fields fields(body);
  const NamedModel named = model_named(host.fleet(), fields.need_text("model"));
  const bool echoes = fields.flag("echo_load_config").value_or(false);
  for (const char* key :
       {"context_length", "eval_batch_size", "flash_attention", "num_experts", "offload_kv_cache_to_gpu", "parallel"})
    fields.pass_over(key, "it is planned before a model is loaded");
  fields.pass_over_unknown();
  const std::string& model = named.model->request.name;
  const auto work = begin_work(request);
  const auto watched = watch(request).watched;
  const auto begin = std::chrono::steady_clock::now();
  load_ahead(model, watched->token());
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  const plan::ModelPlan planned = plan_of(host, model);
  Json out{{"type", lm_studio_type(planned)},
           {"instance_id", named.name()},
           {"load_time_seconds", took.count()},
           {"status", "loaded"}};
  if (echoes) out["load_config"] = lm_studio_config(named.preset, planned);
  put(response, out);
}

void Server::Impl::add_lm_studio_routes() {
  // Others put /api in front of OpenAI's path, and find its list there as well.
  http->Get("/api/v1/models", answering([this](const httplib::Request&, httplib::Response& response) {
              Json out = openai_models(host);
              out["models"] = lm_studio_models(host);
              put(response, out);
            }));
  http->Post("/api/v1/models/load", answering([this](const httplib::Request& request, httplib::Response& response) {
               load_for_lm_studio(request, response);
             }));
  http->Post("/api/v1/models/unload", answering([this](const httplib::Request& request, httplib::Response& response) {
               const Json body = api::parse_object(request.body);
               api::Fields fields(body);
               const NamedModel named = model_named(host.fleet(), fields.need_text("instance_id"));
               fields.pass_over_unknown();
               host.unload(named.model->request.name);
               put(response, {{"instance_id", named.name()}});
             }));
  // Programs download what they are about to use: a model that is here needs nothing.
  http->Post("/api/v1/models/download", answering([this](const httplib::Request& request, httplib::Response& response) {
               const Json body = api::parse_object(request.body);
               if (!find_model(host.fleet(), api::Fields(body).need_text("model")))
                 throw api::fleet_is_fixed(request.path);
               put(response, {{"status", "already_downloaded"}});
             }));
  http->Get(R"(/api/v1/models/download/status/(.+))", answering([](const httplib::Request&, httplib::Response&) {
              throw api::Problem(404, "job_not_found", "there is no such download: nothing is downloaded here");
            }));
}

}  // namespace plimsoll::server
