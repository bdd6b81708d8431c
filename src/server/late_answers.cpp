// Answers that are no streams, and long in coming: kept alive by white space, which JSON allows in front.
#include <future>
#include <utility>

#include "base/log.hpp"

#include "server_impl.hpp"

namespace plimsoll::server {
void Server::Impl::put_late(const httplib::Request& request, httplib::Response& response,
                            const std::shared_ptr<Peer>& client, const HeartbeatRule& rule, LateAnswer answer) {
  const auto put_now = [&](const std::string& body, const LateAnswer& done) {
    if (done.before_headers) done.before_headers();
    response.set_content(body, kJson);
  };
  if (!options.keep_alive_spaces || !rule.beats() || !knows_streams(request)) return put_now(answer.make(), answer);
  struct Made {
    LateAnswer answer;
    std::future<std::string> whole;  // ends first: it uses what is held
  };
  const auto made = std::make_shared<Made>();
  made->answer = std::move(answer);
  made->whole = std::async(std::launch::async, std::move(made->answer.make));
  if (made->whole.wait_for(rule.interval) == std::future_status::ready || client->has_closed_its_half())
    return put_now(made->whole.get(), made->answer);
  client->answer_begins();
  const auto record = record_of(request);
  put_stream(request, response, kJson, [made, rule, record, &request](std::size_t, httplib::DataSink& sink) {
    int status = 200;
    std::string body;
    while (made->whole.wait_for(rule.interval) != std::future_status::ready) (void)sink.write(" ", 1);
    try {
      body = made->whole.get();
    } catch (const std::exception& error) {
      const api::Problem problem = made->answer.explain(error);
      status = problem.status();
      body = api::to_text(api::error_body(problem, shape_of(request.path)));
    }
    (void)sink.write(body.data(), body.size());
    record->write_down(status);
    sink.done();
    return true;
  });
}

std::shared_ptr<StreamRecord> Server::Impl::record_of(const httplib::Request& request) {
  return std::make_shared<StreamRecord>([this, &request](int status) { write_down(request, status); });
}

// `counted` no more before the answer is written: who has it may ask again at once.
void Server::Impl::put_patiently(const httplib::Request& request, httplib::Response& response, Counted counted,
                                 MakeAnswer make) {
  const std::shared_ptr<Peer> client = peer_of(request);
  const auto explain = [this, origin = origin_of(request, response)](const std::exception& error) {
    return explained(error, origin);
  };
  put_late(request, response, client, options.heartbeat,
           {.make =
                [make = std::move(make), client, counted = std::move(counted)]() mutable {
                  const Counted until_it_is_made = std::move(counted);
                  return api::to_text(make(client));
                },
            .explain = explain});
}

}  // namespace plimsoll::server
