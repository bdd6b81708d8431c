// The APIs for text: each of api::dialects() at its path, streamed or as a whole.
#include <algorithm>
#include <chrono>
#include <functional>
#include <ranges>
#include <string_view>

#include "base/log.hpp"

#include "answer_data.hpp"
#include "keep_alive.hpp"
#include "media_prompt.hpp"
#include "media_reading.hpp"
#include "preset.hpp"
#include "server_impl.hpp"
#include "stream_listener.hpp"

namespace plimsoll::server {

// What a request needs while its answer is written, after its handler has returned. Ends from below.
struct Answering {
  std::unique_ptr<RequestMemory::Share> memory;  // of what is collected
  std::shared_ptr<RequestCounters::Work> counted;
  std::unique_ptr<DisconnectWatcher::Watch> watched;
  std::unique_ptr<api::AnswerWriter> writer;
  std::unique_ptr<TextJob> job;
  std::function<api::Problem(const std::exception&)> explain;
  std::optional<api::KeepAlive> keep_alive;
  HeartbeatRule heartbeat;
  std::function<void()> keep;  // before the client hears of the end: it may refer to what was answered then
};

namespace {

// Of a token with its alternatives: texts, and the JSON that is made of them.
constexpr std::size_t kOfALogprob = 512;

std::size_t size_of(const api::Piece& piece) {
  std::size_t logprobs = 0;
  for (const api::TokenLogprob& one : piece.logprobs) logprobs += 1 + one.top.size();
  std::size_t calls = 0;
  for (const api::ToolCall& call : piece.tool_calls) calls += call.name.size() + call.arguments.size();
  return piece.text.size() + piece.reasoning.size() + calls + piece.tokens.size() * sizeof(engine::Token) +
         logprobs * kOfALogprob;
}

// Collects a whole answer.
class Collector final : public Listener {
 public:
  explicit Collector(RequestMemory::Share& memory) : memory_(memory) {}
  bool piece(const api::Piece& piece) override {
    note(kCopiesOfAnAnswer * size_of(piece));
    api::Choice& choice = at(piece.choice);
    choice.text += piece.text;
    choice.reasoning += piece.reasoning;
    choice.tool_calls.insert(choice.tool_calls.end(), piece.tool_calls.begin(), piece.tool_calls.end());
    choice.logprobs.insert(choice.logprobs.end(), piece.logprobs.begin(), piece.logprobs.end());
    choice.tokens.insert(choice.tokens.end(), piece.tokens.begin(), piece.tokens.end());
    return true;
  }
  bool end_of_choice(const api::ChoiceEnd& end) override {
    at(end.choice).finish = end.finish;
    at(end.choice).stop_string = end.stop_string;
    at(end.choice).timings = end.timings.value_or(api::Timings{});
    at(end.choice).mean_logprob = end.mean_logprob.value_or(0);
    at(end.choice).schema_check = end.schema_check;
    return true;
  }
  [[nodiscard]] std::vector<api::Choice> take() { return std::move(choices_); }

 private:
  api::Choice& at(std::size_t index) {
    if (index >= choices_.size()) choices_.resize(index + 1);
    return choices_[index];
  }
  // In steps, since pieces are small.
  void note(std::size_t bytes) {
    constexpr std::size_t kStep = 16 << 10;
    not_charged_ += bytes;
    if (not_charged_ < kStep) return;
    memory_.grow(Bytes{std::exchange(not_charged_, 0)});
  }
  static constexpr std::size_t kCopiesOfAnAnswer = 3;  // itself, its JSON, and the text of that

  RequestMemory::Share& memory_;
  std::size_t not_charged_ = 0;
  std::vector<api::Choice> choices_;
};

constexpr const char* kSchemaHeader = "x-plimsoll-schema";
constexpr const char* kCheckHeader = "x-plimsoll-schema-check";

// Keeps what an answer was asked and said, unless the request says that nothing is to be stored.
std::function<void()> keeper(StoredItems& items, const Answering& all, std::string owner, api::Json body) {
  if (!body.contains("input") || body.value("store", api::Json(true)) == false) return [] {};
  return [&items, &all, owner = std::move(owner), input = std::move(body["input"])] {
    items.keep(owner, "resp_" + all.job->meta().id, input, all.writer->items(), all.writer->finished_answer());
  };
}

void count(RequestCounters& counters, const TextJob& job, bool to_its_end) {
  counters.text(job.meta().model, job.usage(), job.times(), to_its_end);
}

// A request that was stopped because its time was over is told so.
bool is_timeout(const std::exception& error, const DisconnectWatcher::Watch& watched) {
  const auto* ours = dynamic_cast<const Error*>(&error);
  return ours != nullptr && ours->code() == ErrorCode::cancelled && watched.timed_out();
}

api::Problem timeout() { return {504, "timeout", "the request took longer than this server allows (--max-time)"}; }

// Its slot is free, its model may go, and its key may ask again. Once.
void end(Answering& all, host::Host& host) {
  if (!all.job) return;
  const std::string model = all.job->meta().model;
  all.job.reset();
  all.counted.reset();
  keep_alive(host, model, all.keep_alive);
}

// `at_end`: before the last bytes, since who has them may ask again at once. Returns the status for log and counters:
// the one that was sent stood before the answer did.
int stream(Answering& all, RequestCounters& counters, const StreamListener::Write& write, HeartbeatRule rule,
           const std::function<void()>& at_end) {
  StreamListener listener(*all.writer, write, rule);
  TextJob& job = *all.job;
  try {
    while (rule.beats() && !job.is_started() && !job.wait_for(rule.step())) {
      if (!listener.beat()) return kClientGone;
    }
    if (!job.is_started()) job.start();
    if (!listener.write(all.writer->begin(job.meta()))) return kClientGone;
    job.run(listener);
    count(counters, job, true);
    const std::string last = all.writer->end(job.usage());
    all.keep();
    at_end();
    return listener.write(last) ? 200 : kClientGone;
  } catch (const std::exception& error) {
    const api::Problem problem = all.explain(error);
    if (problem.status() != kClientGone) log::warn("server", "an answer broke off: {}", problem.what());
    std::string events;
    if (all.job) {
      if (job.is_started()) count(counters, job, false);
      if (!job.is_started()) events = all.writer->begin_to_fail(job.meta());
      at_end();
    }
    events += all.writer->failure(problem);
    (void)listener.write(events);
    return problem.status();
  }
}

// The library takes a client that has closed its half for gone before it streams to it: such a client gets all events
// at once.
void put_all_events(Answering& all, RequestCounters& counters, httplib::Response& response, const char* type,
                    const std::function<void()>& at_end) {
  std::string events;
  const auto collect = [&](const std::string& more) {
    all.memory->grow(Bytes{more.size()});
    events += more;
    return true;
  };
  response.user_data.set(kEnded, stream(all, counters, collect, {.interval = Milliseconds(0)}, at_end));
  response.set_content(events, type);
}

// Of each prompt's answers the `given` likeliest, those first; as they are where all are given.
std::vector<api::Choice> best_of(std::vector<api::Choice> choices, std::size_t made, std::size_t given) {
  if (given >= made) return choices;
  std::vector<api::Choice> best;
  for (auto of_a_prompt : choices | std::views::chunk(made)) {
    std::ranges::stable_sort(of_a_prompt, std::ranges::greater{}, &api::Choice::mean_logprob);
    for (api::Choice& choice : of_a_prompt | std::views::take(given)) best.push_back(std::move(choice));
  }
  return best;
}

api::Json whole(Answering& all, RequestCounters& counters) {
  TextJob& job = *all.job;
  Collector collector(*all.memory);
  job.start();
  try {
    job.run(collector);
  } catch (...) {
    count(counters, job, false);
    throw;
  }
  count(counters, job, true);
  return all.writer->whole({.meta = job.meta(),
                            .choices = best_of(collector.take(), job.answers_per_prompt(), job.given_per_prompt()),
                            .usage = job.usage()});
}

bool has_verbose(const api::Dialect& dialect) {
  const std::string_view path = dialect.path;
  return path == "/v1/chat/completions" || path == "/v1/completions";
}

// Counting needs no length of an answer.
api::Json with_a_length(api::Json body) {
  if (!body.contains("max_tokens")) body["max_tokens"] = 1;
  return body;
}

}  // namespace

void Server::Impl::only_load(const httplib::Request& request, httplib::Response& response, const api::Asked& asked) {
  const std::string model = model_asked_for(host, asked.request.model)->request.name;
  const auto& stays = asked.request.keep_alive;
  if (!stays || !stays->idle || stays->idle->count() > 0) {
    const auto watched = watch(request).watched;
    load_ahead(model, watched->token());
  }
  keep_alive(host, model, stays);
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  api::Answer answer;
  answer.meta.created = std::chrono::duration_cast<std::chrono::seconds>(now).count();
  answer.meta.model = model;
  put(response, asked.writer->whole(answer));
}

void Server::Impl::answer_text(const api::Dialect& dialect, const httplib::Request& request,
                               httplib::Response& response, Counted counted) {
  auto memory = request_memory.take(0);
  api::Json body = api::parse_object(request.body);
  stored_items.complete(owner_of(request), body, [&](Bytes text) { memory->read(text); });
  if (options.verbose && has_verbose(dialect) && !body.contains("verbose")) body["verbose"] = true;
  api::Asked asked = dialect.read(body);
  if (asked.only_loads) return only_load(request, response, asked);
  const bool streams = asked.request.stream;
  auto all = std::make_shared<Answering>();
  all->counted = std::move(counted);
  all->memory = std::move(memory);
  auto [client, watched] = watch(request);
  all->watched = std::move(watched);
  all->writer = std::move(asked.writer);
  all->explain = [this, origin = origin_of(request, response),
                  watch = all->watched.get()](const std::exception& error) {
    return is_timeout(error, *watch) ? timeout() : explained(error, origin);
  };
  all->keep_alive = asked.request.keep_alive;
  all->heartbeat = options.heartbeat;
  if (asked.request.heartbeat) all->heartbeat.interval = *asked.request.heartbeat;
  all->keep = keeper(stored_items, *all, owner_of(request), std::move(body));
  try {
    all->job = std::make_unique<TextJob>(context(), std::move(asked.request), owner_of(request), all->watched->token());
    if (const api::HeldForm& held = all->job->held(); !held.notes.empty()) {
      response.set_header(kSchemaHeader, held.words());
      unheld.tell(held, request.path);
    }
    if (streams)
      begin_stream(dialect, all, client, request, response);
    else
      put_whole(all, client, request, response);
  } catch (const std::exception& error) {
    throw all->explain(error);
  }
}

// Its headers go out at once, unless its refusal is certain by then: that has its own status. Where nothing may be sent
// meanwhile, once its model is there.
void Server::Impl::begin_stream(const api::Dialect& dialect, const std::shared_ptr<Answering>& all,
                                const std::shared_ptr<Peer>& client, const httplib::Request& request,
                                httplib::Response& response) {
  const HeartbeatRule rule = all->heartbeat;
  const bool at_once = client->has_closed_its_half() || !knows_streams(request);
  if (at_once || !rule.beats() || all->job->wait_for(Milliseconds(0))) all->job->start();
  response.set_header("Cache-Control", "no-cache");
  const auto end_it = [this, answer = all.get()] {
    if (answer->job) unheld.tell(*answer->job);
    end(*answer, host);
  };
  if (at_once) {
    put_all_events(*all, counters, response, dialect.stream_type, end_it);
    return end_it();
  }
  client->answer_begins();
  // Nobody may ever call what writes it.
  const auto record = std::make_shared<StreamRecord>([this, all, end_it, &request](int status) {
    end_it();
    write_down(request, status);
  });
  put_stream(request, response, dialect.stream_type,
             [this, all, rule, end_it, record](std::size_t, httplib::DataSink& sink) {
               const auto write = [&](const std::string& events) { return sink.write(events.data(), events.size()); };
               record->write_down(stream(*all, counters, write, rule, end_it));
               sink.done();
               return true;
             });
}

void Server::Impl::put_whole(const std::shared_ptr<Answering>& all, const std::shared_ptr<Peer>& client,
                             const httplib::Request& request, httplib::Response& response) {
  const auto checked = std::make_shared<std::string>();  // by which kind of verdict, where it was
  const auto make = [this, checked, answer = all.get()] {
    api::Json made;
    try {
      made = whole(*answer, counters);
    } catch (...) {
      end(*answer, host);
      throw;
    }
    if (const auto check = answer->job->usage().schema_check) *checked = to_word(check->kind);
    unheld.tell(*answer->job);
    answer->keep();
    end(*answer, host);
    return api::to_text(made);
  };
  put_late(request, response, client, all->heartbeat,
           {.make = make, .explain = all->explain, .holds = all, .before_headers = [checked, &response] {
              if (!checked->empty()) response.set_header(kCheckHeader, *checked);
            }});
}

void Server::Impl::add_text_routes() {
  for (const api::Dialect& dialect : api::dialects()) {
    http->Post(dialect.path,
               working([this, &dialect](const httplib::Request& request, httplib::Response& response, Counted counted) {
                 answer_text(dialect, request, response, std::move(counted));
               }));
  }
  add_counting("/v1/messages/count_tokens",
               [](const api::Json& body) { return api::read_message(with_a_length(body)).request; });
  add_counting("/v1/chat/completions/input_tokens",
               [](const api::Json& body) { return api::read_chat_completion(body).request; });
  add_counting("/v1/responses/input_tokens", [](const api::Json& body) { return api::read_response(body).request; });
}

void Server::Impl::add_counting(const char* path, std::function<api::TextRequest(const api::Json&)> read) {
  http->Post(path, working([this, read = std::move(read)](const httplib::Request& request, httplib::Response& response,
                                                          const Counted&) {
               const auto memory = request_memory.take(0);
               api::Json body = api::parse_object(request.body);
               stored_items.complete(owner_of(request), body, [&](Bytes text) { memory->read(text); });
               api::TextRequest asked = read(body);
               const NamedModel model = model_named(host.fleet(), asked.model);
               add_settings(options, *model.model, model.preset, asked);
               const std::string& name = model.model->request.name;
               ReadPrompts read_prompts;
               read_with(request, asked.model, [&](const PromptReader& reader, const std::stop_token& stop) {
                 if (!asked.media.empty())
                   bring_media(asked, senses_of(host, name), name,
                               {.rules = options.media, .most = options.limits.body, .memory = *memory, .stop = stop});
                 read_prompts = reader.read(asked, model.chat_template(), stop);
               });
               const std::size_t tokens = read_prompts.pieces.empty()
                                              ? read_prompts.prompts.front().size()
                                              : count_with_media(request, asked, name, read_prompts);
               put(response, {{"object", "response.input_tokens"}, {"input_tokens", tokens}});
             }));
}

// Their vectors are counted by the projector, which is there once the model is loaded.
std::size_t Server::Impl::count_with_media(const httplib::Request& request, const api::TextRequest& asked,
                                           const std::string& model, const ReadPrompts& read_prompts) {
  const auto watched = watch(request).watched;
  const host::Lease lease = lease_of(host, model, options, watched->token());
  return media_prompt(lease.instance().projector(), read_prompts.pieces, asked.media, {}, request_memory).tokens.size();
}

}  // namespace plimsoll::server
