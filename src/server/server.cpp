#include "server/server.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <semaphore>
#include <thread>

#include <plimsoll/base/error.hpp>
#include "base/log.hpp"
#include "plan/store.hpp"

#include "answer_data.hpp"
#include "checked_lease.hpp"
#include "connection_threads.hpp"
#include "contained.hpp"
#include "http_failure.hpp"
#include "http_server.hpp"
#include "listening.hpp"
#include "random_id.hpp"
#include "request_path.hpp"
#include "server_impl.hpp"

namespace plimsoll::server {
namespace {

constexpr std::size_t kRequestsPerConnection = 100'000;
constexpr const char* kBody = "body";                // among the library's data of an answer
constexpr std::chrono::seconds kMostToBreakOff{10};  // a batch under way is computed to its end
constexpr double kBytesOfAToken = 4;                 // of a request's body, for its share beside others

std::filesystem::path kept_folder(const host::SwapLimits& swap) {
  const auto folder = swap.folder.empty() ? std::filesystem::path(plan::cache_folder()) / "swap" : swap.folder;
  return folder / "kept";
}

}  // namespace

Server::Impl::Impl(host::Host& the_host, monitor::Monitor& the_monitor, ServerOptions the_options, PlanAsked the_plan,
                   ReloadAsked the_reload)
    : host(the_host),
      monitor(the_monitor),
      options(std::move(the_options)),
      plan(std::move(the_plan)),
      reload(std::move(the_reload)),
      keys(options.api_keys, options.named_keys),
      key_usage(options.named_keys, std::chrono::steady_clock::now()),
      prompts(host, options.cached_prompts),
      slot_files(options.slot_folder, keys),
      kept_prompts(kept_folder(host.fleet()->swap), host.fleet()->swap.kept, keys),
      vocabularies(host),
      stored_items(host.accounting().ledger()),
      request_memory(host.accounting().ledger(), [this] { return vocabularies.clear() || prompts.drop_oldest(); }),
      certificate(certificate_of(options)),
      http(std::make_unique<HttpRoutes>(make_http(certificate.get()))) {
  add_common_handling();
  add_text_routes();
  add_response_routes();
  add_embedding_routes();
  add_llama_routes();
  add_tokenizer_routes();
  add_llama_model_routes();
  add_ollama_routes();
  add_lm_studio_routes();
  add_plimsoll_routes();
  add_reload_route();
  add_machine_route();
  add_description();
  add_page();
  kept_prompts.restore(host, prompts);
  port = listen_at(http->library(), options);
}

void Server::Impl::add_common_handling() {
  httplib::Server& library = http->library();
  library.new_task_queue = [most = options.limits.connections] {
    return new ConnectionThreads(most);  // NOLINT: the library takes it over
  };
  library.set_payload_max_length(options.limits.body.value());
  library.set_read_timeout(options.limits.reading);
  library.set_write_timeout(options.limits.unread);
  library.set_tcp_nodelay(true);
  library.set_keep_alive_max_count(kRequestsPerConnection);
  library.set_pre_routing_handler([this](const httplib::Request& request, httplib::Response& response) {
    // The library offers no other way to say that a path is another one's name, and how a body is to be read. What it
    // hands out is its own, and no constant.
    auto& own = const_cast<httplib::Request&>(request);
    own.path = usual_path(own.method, own.path);
    own.ranges.clear();  // the library would cut answers into parts, and refuse streams
    return let_in(own, response);
  });
  http->take_bodies_in(
      [this](httplib::Request& request, httplib::Response& response, const httplib::ContentReader& content) {
        return take_body_in(request, response, content);
      });
  library.set_error_handler([this](const httplib::Request& request, httplib::Response& response) {
    if (response.body.empty()) (void)contained("what explains a failure", [&] { explain_failure(request, response); });
  });
  // It is called before a stream begins; those write themselves down when they end.
  library.set_logger([this](const httplib::Request& request, const httplib::Response& response) {
    if (response.content_provider_) return;
    const int* ended = response.user_data.get<int>(kEnded);
    (void)contained("what writes a request down", [&] { write_down(request, ended ? *ended : response.status); });
  });
}

void Server::Impl::explain_failure(const httplib::Request& request, httplib::Response& response) const {
  // What was being read then was not read to its end.
  if (response.status == 400 && ending) return put(response, server_ends(), shape_of(request.path));
  if (response.status == 400 && HttpServer::head_was_late())
    return put(response,
               {408, "timeout", "first line and headers did not arrive within the time that this server has for them"},
               shape_of(request.path));
  const Arriving* arriving = response.user_data.get<Arriving>(kArriving);
  if (response.status == 400 && arriving != nullptr && *arriving && (*arriving)->is_late())
    return put(response, {408, "timeout", "the body did not arrive within the time that this server waits for one"},
               shape_of(request.path));
  std::string allowed = response.status == 404 ? http->allowed_at(request.path) : "";
  if (!allowed.empty()) response.set_header("Allow", allowed);
  put(response, failure_of(request, response.status, allowed, options.limits.body), shape_of(request.path));
}

httplib::Server::HandlerResponse Server::Impl::let_in(httplib::Request& request, httplib::Response& response) {
  using Answer = httplib::Server::HandlerResponse;
  allow_origin(request, response, options, !keys.open());
  response.set_header("X-Content-Type-Options", "nosniff");
  const std::size_t body = announced_body(request, options.limits.body);
  if (body > 0) {  // of one that is turned away as well: the library reads it to its end
    const auto time = time_for_body(std::min<std::size_t>(body, options.limits.body.value()), options.limits.reading);
    response.user_data.set(kArriving, std::make_shared<ArrivingBody>(disconnect_watcher, peer_of(request), time));
  }
  const std::string id = "req_" + random_id();  // OpenAI's clients show the first, Anthropic's the second
  response.set_header(kRequestId, id);
  response.set_header("request-id", id);
  if (request.method == "OPTIONS") {
    if (const std::string allowed = http->allowed_at(request.path); !allowed.empty())
      response.set_header("Allow", allowed);
    response.status = 200;  // as llama-server has it; 204 says the same
    return Answer::Handled;
  }
  const auto turn_away = [&](const api::Problem& problem) {
    response.set_header("Connection", "close");  // the body has not been read: it must not be taken for a next request
    put(response, problem, shape_of(request.path));
    return Answer::Handled;
  };
  if (request.target.contains("%00"))
    return turn_away({400, "invalid_request", "the path has a NUL character (%00) in it, which no name has"});
  if (keys.open() && !is_meant_for_us(request, options))
    return turn_away({403, "forbidden_host",
                      "without an API key this server is asked as localhost, by its address or by a name that "
                      "--host-name gives it"});
  if (is_from_another_page(request, options, !keys.open())) {
    return turn_away(
        {403, "forbidden_origin", "pages of other origins are not let in here; --cors-origin names those that are"});
  }
  if (ending && !is_about_the_server(request)) {
    return turn_away(server_ends());
  }
  if (!may_ask(request)) return turn_away(no_key());
  if (const auto problem = make_readable(request)) return turn_away(*problem);
  if (body > options.limits.body.value()) return turn_away(failure_of(request, 413, {}, options.limits.body));
  // Charged before it arrives, for as long as there is an answer to it. What does not say its size is charged as it
  // arrives, or as the largest one where the library reads it by itself.
  if (body == 0) return Answer::Unhandled;
  if (request.has_header("Transfer-Encoding") && request.method == "POST" &&
      http->allowed_at(request.path).contains("POST"))
    return Answer::Unhandled;
  try {
    response.user_data.set(kBody, std::shared_ptr<RequestMemory::Share>(request_memory.receive(body)));
  } catch (const api::Problem& problem) {
    return turn_away(problem);
  }
  return Answer::Unhandled;
}

bool Server::Impl::take_body_in(httplib::Request& request, httplib::Response& response,
                                const httplib::ContentReader& content) {
  using Share = std::shared_ptr<RequestMemory::Share>;
  std::size_t charged = 0;
  if (response.user_data.get<Share>(kBody) != nullptr)
    charged = announced_body(request, options.limits.body);
  else
    response.user_data.set(kBody, Share(request_memory.take(0)));
  std::optional<api::Problem> refused;
  const bool is_there = take_in(content, request.body, charged, **response.user_data.get<Share>(kBody), refused);
  if (refused) put(response, *refused, shape_of(request.path));
  return is_there;
}

void Server::Impl::write_down(const httplib::Request& request, int status) {
  const auto took = std::chrono::steady_clock::now() - request.start_time_;
  const double ms = std::chrono::duration<double, std::milli>(took).count();
  const std::string route = request.matched_route.empty() ? "other" : request.matched_route;
  counters.answered(route, status, ms);
  log::info("server", "{} {} {} {} {:.1f} ms", request.remote_addr, request.method,
            request.target.substr(0, request.target.find('?')), status, ms);
}

void Server::Impl::read_with(const httplib::Request& request, const std::string& model, const ReadingUntil& work) {
  const std::string name = model_asked_for(host, model)->request.name;
  const auto watched = watch(request).watched;
  if (const auto reader = vocabularies.find(name)) return work(*reader, watched->token());
  const host::Lease lease = lease_of(host, name, options, watched->token());
  work(PromptReader(lease, template_of(host, name)), watched->token());
}

host::AcquireOptions Server::Impl::how_to_acquire(const httplib::Request& request, const LeasedModel& leased) const {
  host::AcquireOptions out = acquire_options(options, leased.watched->token());
  out.claim = key_usage.claim_of(owner_of(request), {}, static_cast<double>(request.body.size()) / kBytesOfAToken);
  return out;
}

Server::Impl::LeasedModel Server::Impl::lease_model(const httplib::Request& request, const std::string& model,
                                                    const Reading& check, const std::shared_ptr<Peer>& client) {
  LeasedModel leased{.watched = watch(request, client).watched};
  const auto how = [&] {
    host::AcquireOptions out = how_to_acquire(request, leased);
    leased.give_way = std::stop_source();
    if (client) out.give_way = leased.give_way;
    return out;
  };
  leased.lease = checked_lease(context(), model, check, how);
  return leased;
}

void Server::Impl::give_way_if_asked(const httplib::Request& request, LeasedModel& leased) {
  if (!leased.give_way.stop_requested()) return;
  host::AcquireOptions how = how_to_acquire(request, leased);
  how.patience.reset();
  leased.give_way = std::stop_source();
  how.give_way = leased.give_way;
  leased.lease->give_way(std::move(how));
}

std::shared_ptr<Peer> Server::Impl::peer_of(const httplib::Request& request) const {
  return std::make_shared<Peer>(request, !options.certificate.empty());
}

Server::Impl::Attended Server::Impl::watch(const httplib::Request& request, std::shared_ptr<Peer> client) {
  const std::chrono::seconds limit = options.limits.working;
  if (!client) client = peer_of(request);
  auto watched = disconnect_watcher.watch([client] { return client->is_gone(); },
                                          limit.count() > 0 ? std::optional(limit) : std::nullopt);
  return {.client = std::move(client), .watched = std::move(watched)};
}

bool Server::Impl::may_ask(const httplib::Request& request) const {
  return is_public(request) || keys.owner_of(key_of(request)).has_value();
}

std::string Server::Impl::owner_of(const httplib::Request& request) const {
  return keys.last_owner_of(key_of(request)).value_or("");
}

Server::Server(host::Host& host, monitor::Monitor& monitor, ServerOptions options, PlanAsked plan, ReloadAsked reload)
    : impl_(std::make_unique<Impl>(host, monitor, std::move(options), std::move(plan), std::move(reload))) {}
Server::~Server() = default;

void Server::set_keys(const std::vector<std::string>& keys, const std::vector<host::FleetKey>& named) {
  impl_->key_usage.replace(named, std::chrono::steady_clock::now());
  for (const std::string& gone : impl_->keys.replace(keys, named)) {
    impl_->prompts.forget_owner(gone);
    impl_->stored_items.forget(gone);
  }
}

void Server::read_certificate() {
  if (impl_->certificate) impl_->certificate->read();
}

bool Server::use_certificate() { return impl_->certificate && impl_->certificate->use(); }

host::ReloadReport Server::reload(const std::stop_token& stop) { return impl_->reload_fleet(stop); }

std::string Server::url() const {
  const bool v6 = impl_->options.address.contains(':');
  return fmt::format("{}://{}{}{}:{}", impl_->options.certificate.empty() ? "http" : "https", v6 ? "[" : "",
                     impl_->options.address, v6 ? "]" : "", impl_->port);
}

// Looked at again and again, since it is asked once in the life of a server.
bool Server::Impl::is_idle_within(std::chrono::seconds most) const {
  const auto until = std::chrono::steady_clock::now() + most;
  while (counters.open() > 0) {
    if (std::chrono::steady_clock::now() >= until) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return true;
}

namespace {

// The library's own wait has no end where a stop() comes between the end of listening and decommission().
bool listens_before(const httplib::Server& library, const std::stop_token& over) {
  while (!library.is_running() && !over.stop_requested()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  return library.is_running();
}

}  // namespace

void Server::serve(std::stop_token stop, const std::function<void()>& listening) {
  Impl& impl = *impl_;
  const std::jthread stop_watcher([&impl, stop](const std::stop_token& over) {
    std::counting_semaphore<2> wake(0);  // both may call
    const std::stop_callback asked(stop, [&] { wake.release(); });
    const std::stop_callback ended(over, [&] { wake.release(); });
    wake.acquire();
    if (!stop.stop_requested()) return;
    impl.ending = true;
    (void)impl.is_idle_within(impl.options.limits.draining);
    impl.disconnect_watcher.stop_all();
    // It hears nothing before it listens, and would then listen for ever.
    if (listens_before(impl.http->library(), over)) impl.http->library().stop();
    // Once more, since a request may be at work with its client first. What waits for nobody still has prompts to keep.
    while (!over.stop_requested() && !impl.is_idle_within(kMostToBreakOff)) {
      if (const std::size_t processes = impl.host.end_processes(host::ProcessesToEnd::at_work); processes > 0)
        log::warn("server", "requests were broken off {} s ago and are still at work: {} processes of models are ended",
                  kMostToBreakOff.count(), processes);
    }
  });
  const std::jthread readiness_notifier([&](const std::stop_token& over) {
    if (listens_before(impl.http->library(), over) && listening) listening();
  });
  const std::jthread getting_ready([&impl](const std::stop_token& over) {
    (void)contained("what reads vocabularies ahead", [&] { impl.get_ready(over); });
    impl.has_read_ahead = true;
    (void)contained("what reads vocabularies ahead", [&] { impl.get_ready_after_reloads(over); });
  });
  impl.http->library().listen_after_bind();
  try {
    impl.kept_prompts.save(impl.host, impl.prompts);
  } catch (const std::exception& error) {
    log::warn("server", "no prompt is kept beyond the end: {}", error.what());
  }
}

}  // namespace plimsoll::server
