#include "remote/address.hpp"
#include "base/lower_case.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>

#include <plimsoll/base/error.hpp>
#include "engine/model.hpp"

namespace plimsoll::remote {
namespace {

constexpr std::string_view kHubPrefix = "hf:";

bool is_web(std::string_view text) noexcept { return text.starts_with("http://") || text.starts_with("https://"); }

// Letters, digits and what needs no escape in a path; slashes stay where they part folders.
enum class Slashes { stay, are_escaped };
std::string escaped(std::string_view path, Slashes slashes = Slashes::stay) {
  std::string out;
  for (const char c : path) {
    const auto byte = static_cast<unsigned char>(c);
    const bool stays = std::string_view("-._~").contains(c) || (c == '/' && slashes == Slashes::stay);
    if (stays || std::isalnum(byte) != 0) {
      out += c;
    } else {
      out += fmt::format("%{:02X}", byte);
    }
  }
  return out;
}

std::string unescaped(std::string_view path) {
  std::string out;
  for (std::size_t i = 0; i < path.size(); ++i) {
    const bool escape = path[i] == '%' && i + 2 < path.size() &&
                        std::isxdigit(static_cast<unsigned char>(path[i + 1])) != 0 &&
                        std::isxdigit(static_cast<unsigned char>(path[i + 2])) != 0;
    out += escape ? static_cast<char>(std::stoi(std::string(path.substr(i + 1, 2)), nullptr, 16)) : path[i];
    if (escape) i += 2;
  }
  return out;
}

// Of an address: what stands before '?' and '#', and that with the rest.
std::pair<std::string, std::string> at_query(std::string_view url) {
  const std::size_t end = std::min(url.find_first_of("?#"), url.size());
  return {std::string(url.substr(0, end)), std::string(url.substr(end))};
}

// A token that was read from a file may end with a line's end, which no header can hold.
std::string without_blanks(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\r\n";
  const std::size_t from = text.find_first_not_of(kBlanks);
  if (from == std::string_view::npos) return {};
  return std::string(text.substr(from, text.find_last_not_of(kBlanks) - from + 1));
}

// One part of a path: a revision may be called refs/pr/1, and the hub would take the rest for a file's folders.
std::string escaped_revision(const HubName& name) { return escaped(name.revision, Slashes::are_escaped); }

bool is_owner_and_name(std::string_view text) {
  const std::size_t slash = text.find('/');
  return slash != std::string_view::npos && slash > 0 && slash + 1 < text.size() &&
         text.find('/', slash + 1) == std::string_view::npos;
}

}  // namespace

bool is_remote(std::string_view text) noexcept { return is_web(text) || text.starts_with(kHubPrefix); }

Hub hub_of_environment() {
  Hub hub;
  if (const char* endpoint = std::getenv("HF_ENDPOINT"); endpoint != nullptr && !without_blanks(endpoint).empty())
    hub.endpoint = without_blanks(endpoint);
  while (hub.endpoint.ends_with('/')) hub.endpoint.pop_back();
  // Paths are put behind it.
  if (origin_of(hub.endpoint).empty() || hub.endpoint.find_first_of("?# \t\r\n") != std::string::npos)
    throw Error(
        ErrorCode::usage,
        fmt::format("HF_ENDPOINT is '{}', which is not an address (https://HOST or https://HOST/PATH)", hub.endpoint));
  if (const char* token = std::getenv("HF_TOKEN"); token != nullptr) hub.token = without_blanks(token);
  return hub;
}

std::optional<HubName> hub_name(std::string_view text) {
  if (!text.starts_with(kHubPrefix)) return std::nullopt;
  std::string_view rest = text.substr(kHubPrefix.size());
  HubName name;
  if (const std::size_t colon = rest.find(':'); colon != std::string_view::npos) {
    name.file = rest.substr(colon + 1);
    rest = rest.substr(0, colon);
    if (name.file.empty()) throw Error(ErrorCode::usage, fmt::format("'{}' names no file after its last colon", text));
  }
  if (const std::size_t at = rest.find('@'); at != std::string_view::npos) {
    name.revision = rest.substr(at + 1);
    rest = rest.substr(0, at);
  }
  name.repository = rest;
  if (!is_owner_and_name(rest) || name.revision.empty())
    throw Error(ErrorCode::usage, fmt::format("'{}' is not of the form hf:OWNER/REPO[@REVISION][:FILE]", text));
  return name;
}

std::string url_of(const Hub& hub, const HubName& name, std::string_view file) {
  return fmt::format("{}/{}/resolve/{}/{}", hub.endpoint, escaped(name.repository), escaped_revision(name),
                     escaped(file));
}

std::string listing_url(const Hub& hub, const HubName& name) {
  return fmt::format("{}/api/models/{}/tree/{}?recursive=true", hub.endpoint, escaped(name.repository),
                     escaped_revision(name));
}

std::string file_name_of(std::string_view url) {
  const std::string path = at_query(url).first;
  const std::size_t begin = origin_of(url).size();
  const std::size_t slash = path.rfind('/');
  std::string name =
      slash == std::string::npos || slash < begin ? "" : unescaped(std::string_view(path).substr(slash + 1));
  std::erase_if(name, [](char c) { return c == '/' || std::iscntrl(static_cast<unsigned char>(c)) != 0; });
  constexpr std::size_t kLongest = 200;
  if (name.size() > kLongest) name.erase(0, name.size() - kLongest);
  return name.empty() || name == "." || name == ".." ? "model.gguf" : name;
}

std::string origin_of(std::string_view url) {
  const std::size_t scheme = url.find("://");
  if (!is_web(url) || scheme == std::string_view::npos) return {};
  const std::size_t host = scheme + 3;
  std::size_t end = std::min(url.find_first_of("/?#", host), url.size());
  std::string authority(url.substr(host, end - host));
  if (const std::size_t user = authority.rfind('@'); user != std::string::npos) authority.erase(0, user + 1);
  if (authority.empty()) return {};
  return lower_case(std::string(url.substr(0, host)) + authority);
}

std::vector<std::string> split_urls(const std::string& url) {
  const auto [path, query] = at_query(url);
  std::vector<std::string> urls = engine::split_files(path);
  for (std::string& one : urls) one += query;
  return urls;
}

}  // namespace plimsoll::remote
