#include <plimsoll/host.hpp>

#include <nlohmann/json.hpp>

#include "base/log.hpp"

#include "allocations.hpp"
#include "call.hpp"
#include "defaults.hpp"
#include "generation_options.hpp"
#include "plan_object.hpp"
#include "vectors.hpp"

using namespace plimsoll::c_api;

namespace {

using plimsoll::Error;
using plimsoll::ErrorCode;
using plimsoll::HostOptions;
using plimsoll::host::ModelState;

// What one of these lets out cannot end anything: it is logged.
void tell(const plimsoll_host_options& options, const std::string& model, ModelState from, ModelState to) {
  std::string why;
  const auto told = [&] {
    options.on_change(options.user_data, model.c_str(), to_string(from).data(), to_string(to).data());
  };
  if (!run_quietly(told, why)) plimsoll::log::error("c_api", "the program's on_change let an exception out: {}", why);
}

double regret_of(const plimsoll_host_options& options, const plimsoll::EvictionCandidate& candidate) {
  std::string why;
  double regret = 0;
  const auto asked = [&] {
    regret = options.regret(options.user_data, candidate.name.c_str(), candidate.idle.count(),
                            candidate.reload_time.count(), candidate.priority);
  };
  if (!run_quietly(asked, why)) throw Error(ErrorCode::usage, "the program's regret let an exception out: " + why);
  return regret;
}

HostOptions options_of(const plimsoll_host_options* given) {
  const plimsoll_host_options options = known(given);
  require_reserved(options.reserved, "plimsoll_host_options");
  HostOptions out{.regret = {}, .longest_queue = options.longest_queue, .on_change = {}};
  if (options.program != nullptr) out.program = required_text(options.program, "program");
  if (options.regret != nullptr)
    out.regret = [options](const plimsoll::EvictionCandidate& candidate) { return regret_of(options, candidate); };
  if (options.on_change != nullptr)
    out.on_change = [options](const std::string& model, ModelState from, ModelState to) {
      tell(options, model, from, to);
    };
  return out;
}

plimsoll::AcquireOptions options_of(const plimsoll_acquire_options& given, const CallbackRun& run) {
  plimsoll::AcquireOptions out{.conversation = {}, .patience = {}, .wait = given.wait != 0, .stop = run.stop_token()};
  if (given.conversation != 0) out.conversation = given.conversation;
  if (given.patience_ms != -1) out.patience = patience_of(given.patience_ms);
  return out;
}

// As the server reports one (docs/server.md), in one array each.
void give(const plimsoll::HostReload& reload, plimsoll_bool* applied, char** report) {
  *applied = reload.applied;
  if (report == nullptr) return;
  const nlohmann::ordered_json json{{"applied", reload.applied},     {"added", reload.added},
                                    {"changed", reload.changed},     {"removed", reload.removed},
                                    {"unchanged", reload.unchanged}, {"later", reload.later},
                                    {"reasons", reload.reasons}};
  give_text(json.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace), report);
}

template <class Reload>
plimsoll_error* reloaded(plimsoll_host* host, plimsoll_stop* stop, plimsoll_bool* applied, char** report,
                         Reload&& reload) {
  return emptying_call([&] {
    *place_of(applied, "place for whether it was applied") = 0;
    if (report != nullptr) *report = nullptr;
    require_no_quiet_callback();
    const auto object = found(host);
    CallbackRun run;
    run.follow(stop);
    give(reload(object->host, run.stop_token()), applied, report);
  });
}

std::string name_of(const char* model) { return required_text(model, "model's name"); }

}  // namespace

extern "C" {

plimsoll_error* plimsoll_host_options_init(plimsoll_host_options* options, size_t size) {
  return call([&] { fill_defaults(options, size); });
}

plimsoll_error* plimsoll_host_open(plimsoll_runtime* runtime, const char* fleet_file,
                                   const plimsoll_host_options* options, plimsoll_host** host) {
  return emptying_call([&] {
    *place_of(host, "host") = nullptr;
    require_no_quiet_callback();
    const auto object = found(runtime);
    *host = handle_of(std::make_shared<plimsoll_host>(plimsoll::Host(
        object->runtime, std::filesystem::path(required_text(fleet_file, "fleet file")), options_of(options))));
  });
}

plimsoll_error* plimsoll_host_open_text(plimsoll_runtime* runtime, const char* fleet, const char* folder,
                                        const plimsoll_host_options* options, plimsoll_host** host) {
  return emptying_call([&] {
    *place_of(host, "host") = nullptr;
    require_no_quiet_callback();
    const auto object = found(runtime);
    *host = handle_of(std::make_shared<plimsoll_host>(plimsoll::Host::of_text(
        object->runtime, text_of(fleet, -1, "fleet"), folder == nullptr ? "." : folder, options_of(options))));
  });
}

plimsoll_error* plimsoll_host_close(plimsoll_host* host) { return closed(host); }

plimsoll_error* plimsoll_host_new_conversation(plimsoll_host* host, const char* model, uint64_t* conversation) {
  return emptying_call([&] {
    *place_of(conversation, "conversation") = 0;
    require_no_quiet_callback();
    *conversation = found(host)->host.new_conversation(name_of(model));
  });
}

plimsoll_error* plimsoll_host_end_conversation(plimsoll_host* host, uint64_t conversation) {
  return call([&] { found(host)->host.end_conversation(conversation); });
}

plimsoll_error* plimsoll_host_load(plimsoll_host* host, const char* model, plimsoll_stop* stop) {
  return call([&] {
    CallbackRun run;
    run.follow(stop);
    found(host)->host.load(name_of(model), run.stop_token());
  });
}

plimsoll_error* plimsoll_host_unload(plimsoll_host* host, const char* model) {
  return call([&] { found(host)->host.unload(name_of(model)); });
}

plimsoll_error* plimsoll_host_pin(plimsoll_host* host, const char* model, plimsoll_bool pinned) {
  return call([&] { found(host)->host.pin(name_of(model), pinned != 0); });
}

plimsoll_error* plimsoll_host_status_json(plimsoll_host* host, char** json) {
  return emptying_call([&] {
    *place_of(json, "JSON") = nullptr;
    require_no_quiet_callback();
    plimsoll::Monitor once(found(host)->host, {.interval = std::chrono::milliseconds(0), .history = 1});
    (void)once.sample_now();
    give_text(once.json(), json);
  });
}

plimsoll_error* plimsoll_host_plan(plimsoll_host* host, plimsoll_plan** plan) {
  return emptying_call([&] {
    *place_of(plan, "plan") = nullptr;
    require_no_quiet_callback();
    *plan = handle_of(plan_object(found(host)->host.plan()));
  });
}

plimsoll_error* plimsoll_host_reload(plimsoll_host* host, const char* fleet_file, plimsoll_stop* stop,
                                     plimsoll_bool* applied, char** report) {
  return reloaded(host, stop, applied, report, [&](plimsoll::Host& of, const std::stop_token& token) {
    return of.reload(std::filesystem::path(required_text(fleet_file, "fleet file")), token);
  });
}

plimsoll_error* plimsoll_host_reload_text(plimsoll_host* host, const char* fleet, const char* folder,
                                          plimsoll_stop* stop, plimsoll_bool* applied, char** report) {
  return reloaded(host, stop, applied, report, [&](plimsoll::Host& of, const std::stop_token& token) {
    return of.reload_text(text_of(fleet, -1, "fleet"), folder == nullptr ? "." : folder, token);
  });
}

plimsoll_error* plimsoll_acquire_options_init(plimsoll_acquire_options* options, size_t size) {
  return call([&] { fill_defaults(options, size); });
}

plimsoll_error* plimsoll_host_acquire(plimsoll_host* host, const char* model, const plimsoll_acquire_options* options,
                                      plimsoll_lease** lease) {
  return emptying_call([&] {
    *place_of(lease, "lease") = nullptr;
    require_no_quiet_callback();
    const auto object = found(host);
    const plimsoll_acquire_options given = known(options);
    CallbackRun run;
    run.follow(given.stop);
    *lease = handle_of(std::make_shared<plimsoll_lease>(object->host.acquire(name_of(model), options_of(given, run))));
  });
}

plimsoll_error* plimsoll_lease_close(plimsoll_lease* lease) { return closed(lease); }

plimsoll_error* plimsoll_lease_conversation(plimsoll_lease* lease, plimsoll_conversation** conversation) {
  return emptying_call([&] {
    *place_of(conversation, "conversation") = nullptr;
    require_no_quiet_callback();
    const Use use(lease);
    (void)use->lease.conversation();  // that there is one
    *conversation = handle_of(std::make_shared<plimsoll_conversation>(use.object()));
  });
}

plimsoll_error* plimsoll_lease_embed(plimsoll_lease* lease, const char* const* texts, uint64_t count,
                                     const plimsoll_embed_options* options, plimsoll_embeddings** embeddings) {
  return emptying_call([&] {
    *place_of(embeddings, "embeddings") = nullptr;
    require_no_quiet_callback();
    const Use use(lease);
    *embeddings = embedded(texts, count, options,
                           [&](const auto& asked, const auto& how) { return use->lease.embed(asked, how); });
  });
}

plimsoll_error* plimsoll_lease_rank(plimsoll_lease* lease, const char* query, const char* const* documents,
                                    uint64_t count, const plimsoll_rank_options* options, plimsoll_ranking** ranking) {
  return emptying_call([&] {
    *place_of(ranking, "ranking") = nullptr;
    require_no_quiet_callback();
    const Use use(lease);
    *ranking = ranked(query, documents, count, options, [&](auto asked, const auto& among, const auto& how) {
      return use->lease.rank(asked, among, how);
    });
  });
}

}  // extern "C"
