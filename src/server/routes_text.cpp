// The APIs for text: each of api::dialects() at its path, streamed or as a whole.
#include <chrono>
#include <functional>
#include <ranges>

#include "base/log.hpp"

#include "api/sse.hpp"
#include "checked_lease.hpp"
#include "keep_alive.hpp"

#include "preset.hpp"
#include "server_impl.hpp"

namespace plimsoll::server {
namespace {

constexpr int kClientGone = 499;

// Collects a whole answer.
class Collector final : public Listener {
 public:
  bool piece(const api::Piece& piece) override {
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
  std::vector<api::Choice> choices_;
};

using Write = std::function<bool(const std::string& events)>;  // false: nobody reads them any more

// Writes events as they come.
class StreamListener final : public Listener {
 public:
  StreamListener(api::AnswerWriter& writer, const Write& write) : writer_(writer), write_(write) {}
  void progress(const api::PromptProgress& progress) override { (void)write(writer_.progress(progress)); }
  bool piece(const api::Piece& piece) override { return write(writer_.piece(piece)); }
  bool end_of_choice(const api::ChoiceEnd& end) override { return write(writer_.end_of_choice(end)); }
  [[nodiscard]] bool write(const std::string& events) { return events.empty() || write_(events); }

 private:
  api::AnswerWriter& writer_;
  const Write& write_;
};

// What a streamed request needs while its answer is written, after its handler has returned. Ends from below.
struct Streaming {
  std::shared_ptr<RequestCounters::Work> work;
  std::unique_ptr<DisconnectWatcher::Watch> watched;
  std::unique_ptr<api::AnswerWriter> writer;
  std::unique_ptr<TextJob> job;
  RequestOrigin origin;
  std::optional<api::KeepAlive> keep_alive;
  const char* type;
  std::function<void()> keep;  // before the client hears of the end: it may refer to what was answered then
};

// Keeps what an answer was asked and said, unless the request says that nothing is to be stored.
std::function<void()> keeper(StoredItems& items, const Streaming& streaming, std::string owner, api::Json body) {
  if (!body.contains("input") || body.value("store", api::Json(true)) == false) return [] {};
  return [&items, &streaming, owner = std::move(owner), input = std::move(body["input"])] {
    items.keep(owner, "resp_" + streaming.job->meta().id, input, streaming.writer->items());
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

// Returns the status for log and counters: the one that was sent stood before the answer did.
int stream(Streaming& streaming, RequestCounters& counters, const Write& write) {
  StreamListener listener(*streaming.writer, write);
  try {
    if (!listener.write(streaming.writer->begin(streaming.job->meta()))) return kClientGone;
    streaming.job->run(listener);
    count(counters, *streaming.job, true);
    const std::string end = streaming.writer->end(streaming.job->usage());
    streaming.keep();
    return listener.write(end) ? 200 : kClientGone;
  } catch (const std::exception& error) {
    const api::Problem problem =
        is_timeout(error, *streaming.watched) ? timeout() : problem_of(error, streaming.origin);
    if (problem.status() != kClientGone) log::warn("server", "an answer broke off: {}", problem.what());
    count(counters, *streaming.job, false);
    (void)listener.write(streaming.writer->failure(problem));
    return problem.status();
  }
}

// The library takes a client that has closed its half for gone before it streams to it: such a client gets all events
// at once.
void put_all_events(Streaming& streaming, RequestCounters& counters, httplib::Response& response) {
  std::string events;
  (void)stream(streaming, counters, [&](const std::string& more) {
    events += more;
    return true;
  });
  response.set_content(events, streaming.type);
}

// Its slot is free, and its model may go.
void end(Streaming& streaming, host::Host& host) {
  const std::string model = streaming.job->meta().model;
  streaming.job.reset();
  keep_alive(host, model, streaming.keep_alive);
}

// Names of fields, fit for a header.
api::Json whole(TextJob& job, api::AnswerWriter& writer, RequestCounters& counters) {
  Collector collector;
  try {
    job.run(collector);
  } catch (...) {
    count(counters, job, false);
    throw;
  }
  count(counters, job, true);
  return writer.whole({.meta = job.meta(), .choices = collector.take(), .usage = job.usage()});
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
    const auto work = begin_work();
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
  api::Json body = api::parse_object(request.body);
  stored_items.complete(owner_of(request), body);
  api::Asked asked = dialect.read(body);
  if (asked.only_loads) return only_load(request, response, asked);
  const bool streams = asked.request.stream;
  auto streaming = std::make_shared<Streaming>();
  streaming->work = begin_work();
  auto [client, watched] = watch(request);
  streaming->watched = std::move(watched);
  streaming->writer = std::move(asked.writer);
  streaming->origin = origin_of(request, response);
  streaming->keep_alive = asked.request.keep_alive;
  streaming->type = dialect.stream_type;
  streaming->keep = keeper(stored_items, *streaming, owner_of(request), std::move(body));
  try {
    streaming->job =
        std::make_unique<TextJob>(context(), std::move(asked.request), owner_of(request), streaming->watched->token());
    if (!streams) {
      put(response, whole(*streaming->job, *streaming->writer, counters));
      streaming->keep();
      return end(*streaming, host);
    }
  } catch (const std::exception& error) {
    if (is_timeout(error, *streaming->watched)) throw timeout();
    throw;
  }
  response.set_header("Cache-Control", "no-cache");
  if (client->has_closed_its_half() || !knows_streams(request)) {
    put_all_events(*streaming, counters, response);
    return end(*streaming, host);
  }
  client->answer_begins();
  put_stream(request, response, dialect.stream_type, [this, streaming, &request](std::size_t, httplib::DataSink& sink) {
    const int status = stream(*streaming, counters,
                              [&](const std::string& events) { return sink.write(events.data(), events.size()); });
    end(*streaming, host);  // before the last bytes left
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
               api::Json body = api::parse_object(request.body);
               stored_items.complete(owner_of(request), body);
               api::TextRequest asked = read(body);
               if (const NamedModel model = model_named(host.fleet(), asked.model); model.preset != nullptr)
                 add_preset(*model.preset, asked);
               read_with(request, asked.model, [&](const PromptReader& reader) {
                 const std::size_t tokens = reader.read(asked).prompts.front().size();
                 put(response, {{"object", "response.input_tokens"}, {"input_tokens", tokens}});
               });
             }));
}

}  // namespace plimsoll::server
