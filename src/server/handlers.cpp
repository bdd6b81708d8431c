// What every route does around its own work: who may ask, what is counted and charged, and how what is thrown is told.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <utility>

#include <plimsoll/base/error.hpp>
#include "api/json_heap.hpp"
#include "base/log.hpp"

#include "answer_data.hpp"
#include "http_failure.hpp"
#include "server_impl.hpp"

namespace plimsoll::server {
namespace {

constexpr std::chrono::seconds kUntilOthersMayBeGone{5};
constexpr const char* kRead = "read";              // among the library's data of an answer: what was made of a body
constexpr std::size_t kWorthCounting = 256 << 10;  // bytes; what smaller ones take is lost in the rest

}  // namespace

Server::Impl::Work Server::Impl::answering(Work work) {
  return handler([work = std::move(work)](const httplib::Request& request, httplib::Response& response,
                                          const Counted&) { work(request, response); });
}

Server::Impl::Work Server::Impl::working(CountedWork work) {
  return handler(std::move(work), [this](const httplib::Request& request) { return begin_work(request); });
}

// `count`: none: it is no work.
Server::Impl::Work Server::Impl::handler(CountedWork work, std::function<Counted(const httplib::Request&)> count) {
  return [this, work = std::move(work), count = std::move(count)](const httplib::Request& request,
                                                                  httplib::Response& response) {
    const api::UnknownFields unknown(options.strict_fields ? api::UnknownRule::refuse : api::UnknownRule::ignore);
    try {
      response.user_data.set(kOpen, std::make_shared<RequestCounters::Open>(counters));
      response.user_data.set(kArriving, Arriving());
      if (!may_ask(request)) throw no_key();  // it may have been taken away while the body arrived
      // Before anything is made of the body; charged for as long as there is an answer to it.
      Counted counted = count ? count(request) : nullptr;
      const std::shared_ptr<RequestMemory::Share> memory = request_memory.take(request.body.size());
      if (request.body.size() > kWorthCounting) memory->grow(api::heap_of_values(request.body));
      response.user_data.set(kRead, memory);
      work(request, response, std::move(counted));
    } catch (const std::exception& error) {
      const api::Problem problem = explained(error, origin_of(request, response));
      const bool is_in_the_log = problem.code() == to_string(ErrorCode::internal);
      if (problem.status() >= 500 && problem.status() != 503 && !is_in_the_log)
        log::warn("server", "{}: {}", request.path, problem.what());
      put(response, problem, shape_of(request.path));
    }
    tell_ignored(unknown, request, response);
    const auto now = std::chrono::steady_clock::now();
    for (const auto& [name, value] : key_usage.headers_for(owner_of(request), shape_of(request.path), now))
      response.set_header(name, value);
  };
}

void Server::Impl::tell_ignored(const api::UnknownFields& unknown, const httplib::Request& request,
                                httplib::Response& response) {
  if (unknown.ignored().empty()) return;
  response.set_header("x-plimsoll-ignored", fmt::format("{}", fmt::join(unknown.ignored(), ", ")));
  for (const std::string& name : ignored_fields.note(unknown.ignored(), std::chrono::steady_clock::now()))
    log::info("server", "{} has the field '{}', which is ignored (--strict-fields refuses it)", request.path, name);
}

RequestOrigin Server::Impl::origin_of(const httplib::Request& request, const httplib::Response& response) {
  return {.place = request.method + " " + request.path, .id = response.get_header_value(kRequestId)};
}

api::Problem Server::Impl::explained(const std::exception& error, const RequestOrigin& origin) const {
  api::Problem problem = problem_of(error, origin);
  if (ending && problem.status() == 499) problem = server_ends();
  if (problem.status() == 503 && !problem.retry_after()) problem.retry_after(std::chrono::seconds(1));
  // What others hold may pass; what our own budget refuses does not.
  if (problem.code() == to_string(ErrorCode::out_of_device_memory)) problem.retry_after(kUntilOthersMayBeGone);
  return problem;
}

namespace {

struct Begun {
  explicit Begun(RequestCounters& counters) : work(counters) {}
  RequestCounters::Work work;
  std::unique_ptr<KeyUsage::Request> of_key;
};

}  // namespace

Server::Impl::Counted Server::Impl::begin_work(const httplib::Request& request) {
  if (ending) throw server_ends();
  const auto begun = std::make_shared<Begun>(counters);
  if (counters.at_work() > options.limits.requests) {
    throw api::Problem(503, "busy",
                       fmt::format("{} requests are at work, and this server takes no more at once (--max-requests)",
                                   options.limits.requests))
        .retry_after(std::chrono::seconds(1));
  }
  begun->of_key = key_usage.begin(owner_of(request), std::chrono::steady_clock::now());
  return {begun, &begun->work};
}

}  // namespace plimsoll::server
