#include "http_routes.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace plimsoll::server {

void HttpRoutes::note(const std::string& pattern, const char* method) {
  const auto [found, is_new] = patterns_.try_emplace(pattern);
  if (is_new) found->second.matcher = std::regex(pattern);
  found->second.methods.insert(method);
}

void HttpRoutes::Get(const std::string& pattern, Handler handler) {
  note(pattern, "GET");
  library_->Get(pattern, std::move(handler));
}

void HttpRoutes::Post(const std::string& pattern, Handler handler) {
  note(pattern, "POST");
  if (!take_in_) {
    library_->Post(pattern, std::move(handler));
    return;
  }
  library_->Post(pattern, [take_in = take_in_, handler = std::move(handler)](const httplib::Request& request,
                                                                             httplib::Response& response,
                                                                             const httplib::ContentReader& content) {
    // What the library hands out is its own, and no constant.
    if (take_in(const_cast<httplib::Request&>(request), response, content)) handler(request, response);
  });
}

void HttpRoutes::Delete(const std::string& pattern, Handler handler) {
  note(pattern, "DELETE");
  library_->Delete(pattern, std::move(handler));
}

std::string HttpRoutes::allowed_at(const std::string& path) const {
  std::set<std::string> methods;
  for (const auto& [pattern, route] : patterns_) {
    if (std::regex_match(path, route.matcher)) methods.insert(route.methods.begin(), route.methods.end());
  }
  if (methods.empty()) return {};
  if (methods.contains("GET")) methods.insert("HEAD");
  methods.insert("OPTIONS");
  return fmt::format("{}", fmt::join(methods, ", "));
}

}  // namespace plimsoll::server
