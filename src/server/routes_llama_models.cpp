// What llama-server's clients ask about models: properties, slots, adapters; loading and unloading.
#include <algorithm>

#include "api/fields.hpp"

#include "llama_props.hpp"
#include "server_impl.hpp"

namespace plimsoll::server {
namespace {

using api::Json;

api::Problem not_here(const std::string& what) { return {501, "unsupported", what}; }

std::string asked_for(const host::Host& host, const httplib::Request& request) {
  return model_asked_for(host, request.get_param_value("model"))->request.name;
}

// Of several models llama-server's router says that it is one, and how many it loads at once.
Json llama_router(const host::Host& host, const ServerOptions& options) {
  if (host.fleet()->models.size() < 2) return Json::object();
  return {{"role", "router"}, {"max_instances", host.fleet()->most_models}, {"models_autoload", options.autoload}};
}

}  // namespace

std::string Server::Impl::model_in_body(const httplib::Request& request) const {
  const Json body = api::parse_object(request.body);
  return model_asked_for(host, api::Fields(body).need_text("model"))->request.name;
}

void Server::Impl::add_llama_model_routes() {
  http->Get("/props", answering([this](const httplib::Request& request, httplib::Response& response) {
              const NamedModel named = model_named(host.fleet(), request.get_param_value("model"));
              const std::string name = usable_plan_of(host, named.model->request.name).name;
              Json props = llama_props(context(), named, vocabularies.find(name).get());
              if (!request.has_param("model")) props.update(llama_router(host, options));
              put(response, props);
            }));
  http->Get("/slots", answering([this](const httplib::Request& request, httplib::Response& response) {
              if (!options.shows_slots)
                throw api::Problem(501, "not_supported_error", "this server was started with --no-slots");
              const Json slots = llama_slots(host, asked_for(host, request));
              const auto works = [](const Json& slot) { return slot["is_processing"].get<bool>(); };
              if (request.has_param("fail_on_no_slot") && std::ranges::all_of(slots, works))
                throw api::Problem(503, "busy", "no slot available");
              put(response, slots);
            }));
  http->Get("/lora-adapters", answering([this](const httplib::Request& request, httplib::Response& response) {
              put(response, llama_adapters(host, asked_for(host, request), adapter_scales));
            }));
  http->Post("/lora-adapters", answering([this](const httplib::Request& request, httplib::Response& response) {
               const std::string model = asked_for(host, request);
               const std::size_t planned = plan_of(host, model).request.adapters.size();
               const auto named = api::read_adapter_scales(api::parse_json(request.body), "");
               adapter_scales.set(model, scales_of(named, planned, model));
               put(response, {{"success", true}});
             }));
  http->Post("/models/load", answering([this](const httplib::Request& request, httplib::Response& response) {
               const std::string model = model_in_body(request);
               const auto work = begin_work(request);
               const auto watched = watch(request).watched;
               load_ahead(model, watched->token());
               put(response, {{"success", true}});
             }));
  http->Post("/models/unload", answering([this](const httplib::Request& request, httplib::Response& response) {
               host.unload(model_in_body(request));
               put(response, {{"success", true}});
             }));
  add_llama_slot_routes();
  add_llama_refusals();
}

// Each with the way to have it all the same.
void Server::Impl::add_llama_refusals() {
  const auto refuse = [this](const char* why) {
    return answering([why](const httplib::Request&, httplib::Response&) { throw not_here(why); });
  };
  http->Post("/props", refuse("properties are read here, not changed; a request's own fields change its sampling"));
}

}  // namespace plimsoll::server
