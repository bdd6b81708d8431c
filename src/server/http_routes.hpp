// HttpRoutes: the HTTP library's server, and which methods each of its routes has.
#pragma once
#include <functional>
#include <map>
#include <memory>
#include <regex>
#include <set>
#include <string>
#include <utility>

#include <httplib.h>

namespace plimsoll::server {

// One thread while routes are added; afterwards any.
class HttpRoutes {
 public:
  using Handler = httplib::Server::Handler;

  explicit HttpRoutes(std::unique_ptr<httplib::Server> library) : library_(std::move(library)) {}

  // Takes a body in as it arrives, into the request's; for the routes that are added after this. False: it is not
  // there, and the answer says why, or has the library's status.
  using TakeIn = std::function<bool(httplib::Request&, httplib::Response&, const httplib::ContentReader&)>;
  void take_bodies_in(TakeIn take_in) { take_in_ = std::move(take_in); }

  // As the library's own. `pattern`: a path, or a regular expression over all of it.
  void Get(const std::string& pattern, Handler handler);     // NOLINT(readability-identifier-naming)
  void Post(const std::string& pattern, Handler handler);    // NOLINT(readability-identifier-naming)
  void Delete(const std::string& pattern, Handler handler);  // NOLINT(readability-identifier-naming)

  // "GET, HEAD, OPTIONS", as an Allow header has them; empty: there is no such path.
  [[nodiscard]] std::string allowed_at(const std::string& path) const;
  [[nodiscard]] httplib::Server& library() const noexcept { return *library_; }

 private:
  struct Pattern {
    std::regex matcher;
    std::set<std::string> methods;
  };
  void note(const std::string& pattern, const char* method);

  std::unique_ptr<httplib::Server> library_;
  std::map<std::string, Pattern> patterns_;
  TakeIn take_in_;  // empty: the library does
};

}  // namespace plimsoll::server
