// Reading the fleet again.

#include <algorithm>

#include <plimsoll/base/error.hpp>
#include "host/fleet_plan.hpp"

#include "reload_json.hpp"
#include "server_impl.hpp"

namespace plimsoll::server {

host::ReloadReport Server::Impl::reload_fleet(const std::stop_token& stop) {
  if (!reload) throw Error(ErrorCode::unsupported, "this server cannot read its fleet again");
  if (ending) throw Error(ErrorCode::cancelled, "the server is ending");
  host::ReloadReport report = reload(stop);
  if (!report.applied) return report;
  for (const std::string& model : report.difference.removed) {
    prompts.forget(model);
    vocabularies.forget(model);
    adapter_scales.forget(model);
  }
  for (const host::ModelDifference& model : report.difference.changed) {
    if (std::ranges::contains(model.what, "lora")) adapter_scales.forget(model.name);
    vocabularies.forget(model.name);
  }
  monitor.set_thresholds(host.fleet()->thresholds);
  {
    const std::lock_guard lock(reloading);
    has_reloaded = true;
  }
  reload_is_over.notify_all();
  return report;
}

host::ReloadReport Server::Impl::reload_or_throw(const httplib::Request& request) {
  const auto work = begin_work(request);
  const auto watched = watch(request).watched;
  host::ReloadReport report = reload_fleet(watched->token());
  if (!report.applied) throw refused_reload(report);
  return report;
}

void Server::Impl::add_reload_route() {
  http->Post("/plimsoll/v1/reload", answering([this](const httplib::Request& request, httplib::Response& response) {
               if (!request.body.empty()) (void)api::parse_object(request.body);
               put(response, to_json(reload_or_throw(request)));
             }));
}

}  // namespace plimsoll::server
