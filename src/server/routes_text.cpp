// The APIs for text: each of api::dialects() at its path, streamed or as a whole.
#include <chrono>
#include <functional>
#include <future>

#include "base/log.hpp"

#include "api/sse.hpp"
#include "checked_lease.hpp"
#include "keep_alive.hpp"
#include "preset.hpp"
#include "server_impl.hpp"
#include "stream_listener.hpp"

namespace plimsoll::server {

// What a request needs while its answer is written, after its handler has returned. Ends from below.
struct TextAnswer {
  std::unique_ptr<RequestMemory::Share> memory;  // of what is collected
  std::shared_ptr<RequestCounters::Work> work;
  std::unique_ptr<DisconnectWatcher::Watch> watched;
  std::unique_ptr<api::AnswerWriter> writer;
  std::unique_ptr<TextJob> job;
  std::function<api::Problem(const std::exception&)> explain;
  std::optional<api::KeepAlive> keep_alive;
  HeartbeatRule heartbeat;
  std::future<std::string> whole;  // made beside the connection's thread
};

namespace {

constexpr int kClientGone = 499;

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

void count(RequestCounters& counters, const TextJob& job, bool to_its_end) {
  counters.text(job.meta().model, job.usage(), job.times(), to_its_end);
}

// A request that was stopped because its time was over is told so.
bool is_timeout(const std::exception& error, const DisconnectWatcher::Watch& watched) {
  const auto* ours = dynamic_cast<const Error*>(&error);
  return ours != nullptr && ours->code() == ErrorCode::cancelled && watched.timed_out();
}

api::Problem timeout() { return {504, "timeout", "the request took longer than this server allows (--max-time)"}; }

// Returns the status for log and counters: the one that was sent stood before the answer did.
int stream(TextAnswer& answer, RequestCounters& counters, const StreamListener::Write& write, HeartbeatRule rule) {
  StreamListener listener(*answer.writer, write, rule);
  TextJob& job = *answer.job;
  try {
    while (rule.beats() && !job.is_started() && !job.wait_for(rule.step())) {
      if (!listener.beat()) return kClientGone;
    }
    if (!job.is_started()) job.start();
    if (!listener.write(answer.writer->begin(job.meta()))) return kClientGone;
    job.run(listener);
    count(counters, job, true);
    return listener.write(answer.writer->end(job.usage())) ? 200 : kClientGone;
  } catch (const std::exception& error) {
    const api::Problem problem = answer.explain(error);
    if (problem.status() != kClientGone) log::warn("server", "an answer broke off: {}", problem.what());
    if (job.is_started()) count(counters, job, false);
    (void)listener.write(answer.writer->failure(problem));
    return problem.status();
  }
}

// The library takes a client that has closed its half for gone before it streams to it: such a client gets all events
// at once.
void put_all_events(TextAnswer& answer, RequestCounters& counters, httplib::Response& response, const char* type) {
  std::string events;
  const auto collect = [&](const std::string& more) {
    answer.memory->grow(Bytes{more.size()});
    events += more;
    return true;
  };
  (void)stream(answer, counters, collect, {.interval = Milliseconds(0)});
  response.set_content(events, type);
}

// Its slot is free, and its model may go.
void end(TextAnswer& answer, host::Host& host) {
  const std::string model = answer.job->meta().model;
  answer.job.reset();
  keep_alive(host, model, answer.keep_alive);
}

api::Json whole(TextAnswer& answer, RequestCounters& counters) {
  TextJob& job = *answer.job;
  Collector collector(*answer.memory);
  job.start();
  try {
    job.run(collector);
  } catch (...) {
    count(counters, job, false);
    throw;
  }
  count(counters, job, true);
  return answer.writer->whole({.meta = job.meta(), .choices = collector.take(), .usage = job.usage()});
}

// Counting needs no length of an answer.
api::Json with_a_length(api::Json body) {
  if (!body.contains("max_tokens")) body["max_tokens"] = 1;
  return body;
}

}  // namespace

void Server::Impl::only_load(const httplib::Request& request, httplib::Response& response, const api::Asked& asked) {
  const std::string model = model_asked_for(host, asked.request.model).request.name;
  const auto& stays = asked.request.keep_alive;
  if (!stays || !stays->idle || stays->idle->count() > 0) {
    const auto work = begin_work(request);
    const auto watched = watch(request).watched;
    ahead_of_vocabularies(context(), [&] { load_model(host, model, options, watched->token()); });
  }
  keep_alive(host, model, stays);
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  api::Answer answer;
  answer.meta.created = std::chrono::duration_cast<std::chrono::seconds>(now).count();
  answer.meta.model = model;
  put(response, asked.writer->whole(answer));
}

void Server::Impl::answer_text(const api::Dialect& dialect, const httplib::Request& request,
                               httplib::Response& response) {
  api::Asked asked = dialect.read(api::parse_object(request.body));
  if (asked.only_loads) return only_load(request, response, asked);
  const bool streams = asked.request.stream;
  auto answer = std::make_shared<TextAnswer>();
  answer->heartbeat = options.heartbeat;
  answer->work = begin_work(request);
  answer->memory = request_memory.take(0);
  auto [client, watched] = watch(request);
  answer->watched = std::move(watched);
  answer->writer = std::move(asked.writer);
  answer->explain = [this, origin = origin_of(request, response),
                     watch = answer->watched.get()](const std::exception& error) {
    return is_timeout(error, *watch) ? timeout() : explained(error, origin);
  };
  answer->keep_alive = asked.request.keep_alive;
  if (asked.request.heartbeat) answer->heartbeat.interval = *asked.request.heartbeat;
  try {
    answer->job =
        std::make_unique<TextJob>(context(), std::move(asked.request), owner_of(request), answer->watched->token());
    if (streams)
      put_stream(dialect, answer, client, request, response);
    else
      put_whole(answer, client, request, response);
  } catch (const std::exception& error) {
    throw answer->explain(error);
  }
}

// Its headers go out once its model is there, or after some waiting; until then a refusal has its own status.
void Server::Impl::put_stream(const api::Dialect& dialect, const std::shared_ptr<TextAnswer>& answer,
                              const std::shared_ptr<Peer>& client, const httplib::Request& request,
                              httplib::Response& response) {
  const HeartbeatRule rule = answer->heartbeat;
  if (!rule.beats() || answer->job->wait_for(rule.interval)) answer->job->start();
  response.set_header("Cache-Control", "no-cache");
  if (client->has_closed_its_half()) return put_all_events(*answer, counters, response, dialect.stream_type);
  client->answer_begins();
  response.set_chunked_content_provider(
      dialect.stream_type, [this, answer, rule, &request](std::size_t, httplib::DataSink& sink) {
        const auto write = [&](const std::string& events) { return sink.write(events.data(), events.size()); };
        const int status = stream(*answer, counters, write, rule);
        end(*answer, host);  // before the last bytes left
        write_down(request, status);
        sink.done();
        return true;
      });
}

void Server::Impl::put_whole(const std::shared_ptr<TextAnswer>& answer, const std::shared_ptr<Peer>& client,
                             const httplib::Request& request, httplib::Response& response) {
  const HeartbeatRule rule = answer->heartbeat;
  const auto make = [this, all = answer.get()] {
    const api::Json made = whole(*all, counters);
    end(*all, host);
    return api::to_text(made);
  };
  if (!options.keep_alive_spaces || !rule.beats()) return response.set_content(make(), kJson);
  answer->whole = std::async(std::launch::async, make);
  if (answer->whole.wait_for(rule.interval) == std::future_status::ready || client->has_closed_its_half())
    return response.set_content(answer->whole.get(), kJson);
  client->answer_begins();
  response.set_chunked_content_provider(kJson, [this, answer, rule, &request](std::size_t, httplib::DataSink& sink) {
    int status = 200;
    std::string body;
    while (answer->whole.wait_for(rule.interval) != std::future_status::ready) (void)sink.write(" ", 1);
    try {
      body = answer->whole.get();
    } catch (const std::exception& error) {
      const api::Problem problem = answer->explain(error);
      status = problem.status();
      body = api::to_text(api::error_body(problem, shape_of(request.path)));
    }
    (void)sink.write(body.data(), body.size());
    write_down(request, status);
    sink.done();
    return true;
  });
}

void Server::Impl::add_text_routes() {
  for (const api::Dialect& dialect : api::dialects()) {
    http->Post(dialect.path, answering([this, &dialect](const httplib::Request& request, httplib::Response& response) {
                 answer_text(dialect, request, response);
               }));
  }
  add_counting("/v1/messages/count_tokens",
               [](const api::Json& body) { return api::read_message(with_a_length(body)).request; });
  add_counting("/v1/responses/input_tokens", [](const api::Json& body) { return api::read_response(body).request; });
}

void Server::Impl::add_counting(const char* path, std::function<api::TextRequest(const api::Json&)> read) {
  http->Post(path,
             answering([this, read = std::move(read)](const httplib::Request& request, httplib::Response& response) {
               api::TextRequest asked = read(api::parse_object(request.body));
               if (const NamedModel model = model_named(host.fleet(), asked.model); model.preset != nullptr)
                 add_preset(*model.preset, asked);
               read_with(request, asked.model, [&](const PromptReader& reader) {
                 const std::size_t tokens = reader.read(asked).prompts.front().size();
                 put(response, {{"object", "response.input_tokens"}, {"input_tokens", tokens}});
               });
             }));
}

}  // namespace plimsoll::server
