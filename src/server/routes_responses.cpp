// Answers of /v1/responses that are kept: given again, and forgotten.
#include <fmt/format.h>

#include "server_impl.hpp"

namespace plimsoll::server {
namespace {

api::Problem not_kept(const std::string& id) {
  return {404, "not_found", fmt::format("the answer '{}' is not (or no more) kept here", id)};
}

}  // namespace

void Server::Impl::add_response_routes() {
  constexpr const char* kPath = R"(/v1/responses/([^/]+))";
  http->Get(kPath, answering([this](const httplib::Request& request, httplib::Response& response) {
              const std::string id = request.matches[1];
              const auto answer = stored_items.answer(owner_of(request), id);
              if (!answer) throw not_kept(id);
              put(response, *answer);
            }));
  http->Post("/v1/responses/compact", answering([](const httplib::Request&, httplib::Response&) {
               throw api::Problem(
                   501, "unsupported",
                   "conversations are not compacted here; send the part of it that is to be kept, or ask "
                   "for a summary");
             }));
  http->Delete(kPath, answering([this](const httplib::Request& request, httplib::Response& response) {
                 const std::string id = request.matches[1];
                 if (!stored_items.remove(owner_of(request), id)) throw not_kept(id);
                 put(response, {{"id", id}, {"object", "response"}, {"deleted", true}});
               }));
}

}  // namespace plimsoll::server
