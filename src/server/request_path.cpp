#include "request_path.hpp"

#include <algorithm>
#include <array>

namespace plimsoll::server {
namespace {

// As it is asked of a proxy: "http://name:port/path".
std::string_view without_scheme_and_host(std::string_view path) {
  for (const std::string_view scheme : {std::string_view("http://"), std::string_view("https://")}) {
    if (!path.starts_with(scheme)) continue;
    const std::size_t slash = path.find('/', scheme.size());
    return slash == std::string_view::npos ? std::string_view("/") : path.substr(slash);
  }
  return path;
}

std::string without_spare_slashes(std::string_view path) {
  std::string out;
  for (const char c : path) {
    if (c != '/' || !out.ends_with('/')) out += c;
  }
  if (out.size() > 1 && out.ends_with('/')) out.pop_back();
  return out;
}

bool begins(std::string_view path, std::string_view prefix) {
  return path.starts_with(prefix) && (path.size() == prefix.size() || path[prefix.size()] == '/');
}

// What other servers put in front of /v1.
std::string_view from_v1_on(std::string_view path) {
  constexpr std::string_view kVersion = "/v1";
  for (bool shorter = true; shorter;) {
    shorter = false;
    for (const std::string_view prefix :
         {std::string_view("/v1"), std::string_view("/api"), std::string_view("/openai")}) {
      if (!begins(path, prefix) || !begins(path.substr(prefix.size()), kVersion)) continue;
      path.remove_prefix(prefix.size());
      shorter = true;
    }
  }
  return path;
}

// LM Studio's own API, whose requests and answers are OpenAI's with more in them.
std::string_view without_lm_studios_version(std::string_view path) {
  constexpr std::string_view kPrefix = "/api/v0";
  if (!begins(path, kPrefix)) return path;
  const std::string_view rest = path.substr(kPrefix.size());
  const bool is_there = rest == "/chat/completions" || rest == "/embeddings" || begins(rest, "/models");
  return is_there ? rest : path;
}

// LM Studio's newer API, which is no other one's.
bool is_lm_studios(std::string_view method, std::string_view path) {
  constexpr std::string_view kModels = "/api/v1/models";
  if (path == "/api/v1/chat") return true;
  if (path == kModels) return method == "GET" || method == "HEAD" || method == "OPTIONS";
  if (!begins(path, kModels)) return false;
  const std::string_view rest = path.substr(kModels.size());
  if (rest.starts_with("/download/status/")) return true;
  return method != "GET" && method != "HEAD" && (rest == "/load" || rest == "/unload" || rest == "/download");
}

bool is_of_v1(std::string_view method, std::string_view path) {
  static constexpr std::array<std::string_view, 9> kAlone{"/chat/completions",
                                                          "/chat/completions/input_tokens",
                                                          "/responses",
                                                          "/responses/input_tokens",
                                                          "/rerank",
                                                          "/reranking",
                                                          "/messages",
                                                          "/messages/count_tokens",
                                                          "/models"};
  if (std::ranges::contains(kAlone, path)) return true;
  if (begins(path, "/responses")) return method != "POST";
  // Others have commands behind it, which are posted.
  return begins(path, "/models") && (method == "GET" || method == "HEAD");
}

}  // namespace

std::string usual_path(std::string_view method, std::string_view path) {
  const std::string plain = without_spare_slashes(without_scheme_and_host(path));
  if (is_lm_studios(method, plain)) return plain;
  for (const std::string route : {"/completions", "/embeddings"}) {
    if (plain == "/api/v0" + route) return "/v1" + route;  // without /v1 it is llama-server's
  }
  const std::string_view known = without_lm_studios_version(from_v1_on(plain));
  return is_of_v1(method, known) ? "/v1" + std::string(known) : std::string(known);
}

}  // namespace plimsoll::server
