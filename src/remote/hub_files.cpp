#include "remote/hub_files.hpp"
#include "base/lower_case.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>

#include <plimsoll/base/error.hpp>

namespace plimsoll::remote {
namespace {

constexpr std::size_t kLongestPage = 16U << 20U;
constexpr int kMostPages = 100;

std::string_view last_part(std::string_view path) { return path.substr(path.rfind('/') + 1); }

// What a terminal would take for something else than a name is none.
bool has_control_characters(std::string_view text) {
  return std::ranges::any_of(text, [](unsigned char c) { return std::iscntrl(c) != 0; });
}

bool is_model(std::string_view path) {
  if (has_control_characters(path)) return false;
  const std::string name = lower_case(last_part(path));
  constexpr std::array<std::string_view, 3> kOthers{"mmproj", "imatrix", "lora"};
  return name.ends_with(".gguf") &&
         std::ranges::none_of(kOthers, [&](std::string_view other) { return name.contains(other); });
}

// "a-00002-of-00003.gguf" -> 2, and where the digits begin.
struct Part {
  int number = 0;
  std::size_t at = 0;
};
std::optional<Part> part_of(const std::string& path) {
  constexpr std::size_t kTail = std::string_view("-00001-of-00001.gguf").size();
  if (path.size() <= kTail) return std::nullopt;
  Part part{.at = path.size() - kTail + 1};
  int of = 0;
  if (std::sscanf(path.c_str() + part.at - 1, "-%5d-of-%5d.gguf", &part.number, &of) != 2) return std::nullopt;
  return part;
}

std::string first_part(const std::string& path, const Part& part) {
  return std::string(path).replace(part.at, 5, "00001");
}

std::string listing_error(const std::string& url) {
  return fmt::format("'{}' cannot be read: the answer is not a list of files", url);
}

Error incomplete(const std::string& url, std::string_view why) {
  return {ErrorCode::io, fmt::format("'{}' cannot be read: the list of files {}; a file that is named in full, as in "
                                     "hf:OWNER/REPO:FILE.gguf, needs no list",
                                     url, why)};
}

std::uint64_t size_of(const nlohmann::json& entry) {
  constexpr std::uint64_t kLargest = std::uint64_t{1} << 50U;  // a hundred thousand of them can be added up
  const auto& size = entry.at("size");
  if (!size.is_number_unsigned() || size.get<std::uint64_t>() > kLargest)
    throw nlohmann::json::type_error::create(302, "a size is not an amount", &size);
  return size.get<std::uint64_t>();
}

// Of one page of the listing; parts of one model may lie on two.
void add_files(const std::string& url, const std::string& page, std::map<std::string, Bytes>& models) {
  const auto list = nlohmann::json::parse(page, nullptr, false);
  if (!list.is_array()) throw Error(ErrorCode::io, listing_error(url));
  for (const auto& entry : list) {
    try {
      const auto path = entry.at("path").get<std::string>();
      if (entry.value("type", "file") != "file" || !is_model(path)) continue;
      const auto part = part_of(path);
      models[part ? first_part(path, *part) : path] += Bytes{size_of(entry)};
    } catch (const nlohmann::json::exception&) {
      throw Error(ErrorCode::io, listing_error(url));
    }
  }
}

// Whether a name says that its weights are of that type: "x-Q4_K_M.gguf", "x.q4_k_m.gguf", "x_Q4_K_M.gguf",
// "Q4_K_M/x.gguf". Behind it no '_': "Q4_K" is another type.
bool carries(std::string_view path, std::string_view type) {
  const std::string text = lower_case(path);
  const std::string wanted = lower_case(type);
  const auto is_edge = [&](std::size_t at) { return at >= text.size() || std::string_view("-./").contains(text[at]); };
  for (std::size_t at = text.find(wanted); at != std::string::npos; at = text.find(wanted, at + 1)) {
    if ((at == 0 || text[at - 1] == '_' || is_edge(at - 1)) && is_edge(at + wanted.size())) return true;
  }
  return false;
}

}  // namespace

std::vector<HubModel> hub_models(HttpClient& client, const Hub& hub, const HubName& name) {
  std::map<std::string, Bytes> found;
  std::string url = listing_url(hub, name);
  for (int page = 0; !url.empty(); ++page) {
    HttpClient::Text text = client.text(url, kLongestPage);
    add_files(url, text.text, found);
    // What is not in a part of the list would be said not to be there.
    if (!text.next.empty() && origin_of(text.next) != origin_of(hub.endpoint))
      throw incomplete(url, "goes on at another server");
    if (!text.next.empty() && page + 1 == kMostPages) throw incomplete(url, "has no end");
    url = std::move(text.next);
  }
  std::vector<HubModel> models;
  for (const auto& [file, bytes] : found)
    models.push_back({.file = file, .url = url_of(hub, name, file), .bytes = bytes});
  std::ranges::stable_sort(models, {}, &HubModel::bytes);
  return models;
}

std::vector<HubModel> named(const std::vector<HubModel>& models, const HubName& name) {
  std::vector<HubModel> out;
  if (name.file.empty()) out = models;
  std::ranges::copy_if(models, std::back_inserter(out), [&](const HubModel& model) { return model.file == name.file; });
  if (out.empty()) {
    std::ranges::copy_if(models, std::back_inserter(out),
                         [&](const HubModel& model) { return carries(model.file, name.file); });
  }
  if (!out.empty()) return out;
  if (models.empty()) throw Error(ErrorCode::usage, fmt::format("'{}' has no GGUF models", name.repository));
  std::vector<std::string> files;
  for (const HubModel& model : models) files.push_back(model.file);
  throw Error(ErrorCode::usage,
              fmt::format("'{}' has no model '{}'; it has {}", name.repository, name.file, fmt::join(files, ", ")));
}

}  // namespace plimsoll::remote
