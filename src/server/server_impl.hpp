// Server::Impl: what the routes share. Each family of routes has a file of its own, routes_<family>.cpp.
#pragma once
#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>

#include <httplib.h>

#include "api/dialect.hpp"
#include "api/embedding_request.hpp"
#include "api/ollama_embedding.hpp"
#include "api/unknown_fields.hpp"
#include "broker/picture.hpp"
#include "server/server.hpp"

#include "access.hpp"
#include "adapter_scales.hpp"
#include "api_keys.hpp"
#include "arriving_body.hpp"
#include "asked_model.hpp"
#include "disconnect_watcher.hpp"
#include "http_routes.hpp"
#include "ignored_fields.hpp"
#include "kept_prompts.hpp"
#include "key_usage.hpp"
#include "peer.hpp"
#include "request_counters.hpp"
#include "request_memory.hpp"
#include "request_problem.hpp"
#include "served_certificate.hpp"
#include "server_context.hpp"
#include "slot_files.hpp"
#include "stored_items.hpp"
#include "stream_record.hpp"
#include "text_job.hpp"
#include "unheld_schemas.hpp"

namespace plimsoll::server {

struct Answering;  // routes_text.cpp

struct Server::Impl {
  Impl(host::Host& the_host, monitor::Monitor& the_monitor, ServerOptions the_options, PlanAsked the_plan,
       ReloadAsked the_reload);

  // --- server.cpp ---
  void add_common_handling();
  [[nodiscard]] httplib::Server::HandlerResponse let_in(httplib::Request& request, httplib::Response& response);
  [[nodiscard]] bool take_body_in(httplib::Request& request, httplib::Response& response,
                                  const httplib::ContentReader& content);
  // Counts and logs an answer once its last byte is written.
  void write_down(const httplib::Request& request, int status);
  // No request is at work any more; false: some still are after that time.
  [[nodiscard]] bool is_idle_within(std::chrono::seconds most) const;

  // --- routes_*.cpp ---
  void add_text_routes();
  // A request is counted for as long as this lives: see begin_work().
  using Counted = std::shared_ptr<RequestCounters::Work>;
  void answer_text(const api::Dialect& dialect, const httplib::Request& request, httplib::Response& response,
                   Counted counted);
  void begin_stream(const api::Dialect& dialect, const std::shared_ptr<Answering>& all,
                    const std::shared_ptr<Peer>& client, const httplib::Request& request, httplib::Response& response);
  void put_whole(const std::shared_ptr<Answering>& all, const std::shared_ptr<Peer>& client,
                 const httplib::Request& request, httplib::Response& response);
  // Makes an answer that is no stream, and keeps it alive meanwhile where the options say so.
  struct LateAnswer {
    std::function<std::string()> make;
    std::function<api::Problem(const std::exception&)> explain;
    std::shared_ptr<void> holds{};           // what `make` uses
    std::function<void()> before_headers{};  // where it is there before they have to go out
  };
  void put_late(const httplib::Request& request, httplib::Response& response, const std::shared_ptr<Peer>& client,
                const HeartbeatRule& rule, LateAnswer answer);
  // The same with the server's own rule.
  using MakeAnswer = std::function<api::Json(const std::shared_ptr<Peer>& client)>;
  void put_patiently(const httplib::Request& request, httplib::Response& response, Counted counted, MakeAnswer make);
  [[nodiscard]] std::shared_ptr<StreamRecord> record_of(const httplib::Request& request);
  // A request without words: its model is loaded, or goes where it is not to be kept.
  void only_load(const httplib::Request& request, httplib::Response& response, const api::Asked& asked);
  void add_response_routes();
  void add_counting(const char* path, std::function<api::TextRequest(const api::Json&)> read);
  [[nodiscard]] std::size_t count_with_media(const httplib::Request& request, const api::TextRequest& asked,
                                             const std::string& model, const ReadPrompts& read_prompts);
  void add_embedding_routes();
  // Of a request for vectors, in any API.
  struct Embedded {
    std::string model;
    std::vector<std::vector<float>> vectors;  // of an input; row after row where the model gives one for each token
    std::size_t width = 1;                    // of a row
    std::size_t tokens = 0;
    double load_ms = 0;                              // until the model was there
    std::unique_ptr<RequestMemory::Share> memory{};  // of the vectors, and of what is written of them
  };
  [[nodiscard]] Embedded embed(const httplib::Request& request, const api::EmbeddingRequest& asked,
                               const std::shared_ptr<Peer>& client);
  [[nodiscard]] api::Json embed_for_openai(const httplib::Request& request, const api::EmbeddingRequest& asked,
                                           const std::shared_ptr<Peer>& client);
  [[nodiscard]] api::Json embed_for_llama(const httplib::Request& request, const api::EmbeddingRequest& asked,
                                          const std::shared_ptr<Peer>& client);
  [[nodiscard]] api::Json rank(const httplib::Request& request, const api::RankRequest& asked,
                               const std::shared_ptr<Peer>& client);
  void charge_tokens(const httplib::Request& request, std::size_t tokens);
  void add_llama_routes();
  void add_tokenizer_routes();  // routes_llama.cpp
  void add_llama_model_routes();
  void add_llama_refusals();
  void add_llama_slot_routes();
  [[nodiscard]] std::unique_ptr<PromptCache::Handle> conversation_in(const std::string& model, const std::string& owner,
                                                                     std::size_t slot);
  void save_slot(const httplib::Request& request, httplib::Response& response);
  void restore_slot(const httplib::Request& request, httplib::Response& response);
  void erase_slot(const httplib::Request& request, httplib::Response& response);
  [[nodiscard]] std::string model_in_body(const httplib::Request& request) const;  // throws api::Problem
  void add_ollama_routes();
  void add_ollama_embedding();
  [[nodiscard]] Embedded embed_for_ollama(const httplib::Request& request, const api::OllamaEmbedding& asked,
                                          const std::shared_ptr<Peer>& client);
  void add_ollama_refusals();
  void add_lm_studio_routes();
  void load_for_lm_studio(const httplib::Request& request, httplib::Response& response);
  void add_plimsoll_routes();
  void stream_events(const httplib::Request& request, httplib::Response& response);
  // `what`: load, unload or pin.
  void operate(const std::string& what, const std::string& name, const httplib::Request& request,
               httplib::Response& response);
  void add_reload_route();
  [[nodiscard]] host::ReloadReport reload_fleet(const std::stop_token& stop);  // see Server::reload()
  host::ReloadReport reload_or_throw(const httplib::Request& request);         // a refused one as api::Problem 422
  void add_machine_route();
  [[nodiscard]] broker::Picture machine() const;
  void add_page();
  void add_description();

  using Work = std::function<void(const httplib::Request&, httplib::Response&)>;
  using CountedWork = std::function<void(const httplib::Request&, httplib::Response&, Counted)>;
  // A handler that answers what is thrown, in the shape of the request's path.
  [[nodiscard]] Work answering(Work work);
  // The same for what needs a model.
  [[nodiscard]] Work working(CountedWork work);
  [[nodiscard]] Work handler(CountedWork work, std::function<Counted(const httplib::Request&)> count = {});
  // What of a request was ignored: into a header, the counters and the log.
  void tell_ignored(const api::UnknownFields& unknown, const httplib::Request& request, httplib::Response& response);
  // What the library answers by itself: no such route, another method, a body too large, what is not HTTP.
  void explain_failure(const httplib::Request& request, httplib::Response& response) const;
  // For requests that need a model: counted, and refused where too many are at work, or its key may have no more. Who
  // has the last bytes of an answer may ask again at once: it is counted no more by then.
  [[nodiscard]] Counted begin_work(const httplib::Request& request);
  // Calls `work` with what reads the requests for a model, which need not be loaded for that (empty: the fleet's
  // first). Throws api::Problem, what `work` throws, and where the model's file was changed what acquiring throws.
  // The token is asked to stop where the client disconnects or the server ends.
  using ReadingUntil = std::function<void(const PromptReader&, const std::stop_token&)>;
  void read_with(const httplib::Request& request, const std::string& model, const ReadingUntil& work);
  using Reading = std::function<void(const PromptReader&)>;
  // What a request that needs a ready model holds while it is at work; ends from below.
  struct LeasedModel {
    std::unique_ptr<DisconnectWatcher::Watch> watched;
    std::stop_source give_way{};  // asked where a request of a higher priority waits for the slot
    std::optional<host::Lease> lease{};
  };
  // See checked_lease(). `client`: of a request that may give way; null: it does not.
  [[nodiscard]] LeasedModel lease_model(const httplib::Request& request, const std::string& model, const Reading& check,
                                        const std::shared_ptr<Peer>& client = nullptr);
  // Between two pieces of work.
  void give_way_if_asked(const httplib::Request& request, LeasedModel& leased);
  [[nodiscard]] host::AcquireOptions how_to_acquire(const httplib::Request& request, const LeasedModel& leased) const;
  // A request's client, and what notices that it disconnects.
  struct Attended {
    std::shared_ptr<Peer> client;
    std::unique_ptr<DisconnectWatcher::Watch> watched;
  };
  [[nodiscard]] Attended watch(const httplib::Request& request, std::shared_ptr<Peer> client = nullptr);
  [[nodiscard]] std::shared_ptr<Peer> peer_of(const httplib::Request& request) const;
  [[nodiscard]] bool may_ask(const httplib::Request& request) const;  // with its key, as keys are now
  [[nodiscard]] std::string owner_of(const httplib::Request& request) const;
  [[nodiscard]] ServerContext context() {
    return {host, prompts, vocabularies, key_usage, adapter_scales, request_memory, options};
  }
  // A refusal to load becomes one with the model's plan; a busy host one that says when to come again.
  [[nodiscard]] api::Problem explained(const std::exception& error, const RequestOrigin& origin) const;
  [[nodiscard]] static RequestOrigin origin_of(const httplib::Request& request, const httplib::Response& response);
  // --- readiness.cpp ---
  [[nodiscard]] bool ready() const;
  // What requests are read with (vocabulary and chat template) is made before the first one where a model is loaded at
  // the start, or where somebody asks for its load.
  void get_ready(const std::stop_token& stop);
  void get_ready_after_reloads(const std::stop_token& stop);  // until it is stopped
  void read_ahead(const std::string& model);                  // what cannot be read is the first request's to be told
  void load_ahead(const std::string& model, const std::stop_token& stop);  // throws as load_model() does

  [[nodiscard]] std::string metrics();

  host::Host& host;
  monitor::Monitor& monitor;
  ServerOptions options;
  PlanAsked plan;
  std::mutex planning;
  ReloadAsked reload;
  ApiKeys keys;
  KeyUsage key_usage;
  AdapterScales adapter_scales;
  PromptCache prompts;
  SlotFiles slot_files;
  KeptPrompts kept_prompts;
  VocabularyCache vocabularies;
  StoredItems stored_items;
  RequestMemory request_memory;
  RequestCounters counters;
  IgnoredFields ignored_fields;
  UnheldSchemas unheld;
  mutable std::atomic<bool> was_ready = false;
  std::atomic<bool> has_read_ahead = false;  // or was stopped
  std::mutex reloading;                      // of what follows
  std::condition_variable_any reload_is_over;
  bool has_reloaded = false;  // and nothing was read ahead since
  std::atomic<bool> ending = false;
  int port = 0;
  std::unique_ptr<ServedCertificate> certificate;  // null: without TLS
  std::unique_ptr<HttpRoutes> http;
  DisconnectWatcher disconnect_watcher;  // looks at connections of http's: ends first
};

}  // namespace plimsoll::server
