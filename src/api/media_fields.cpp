#include "media_fields.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <utility>

#include "api/unknown_fields.hpp"
#include "base/lower_case.hpp"

namespace plimsoll::api {
namespace {

// -1: none. The alphabet of addresses is read, too.
int value_of(char letter) {
  if (letter >= 'A' && letter <= 'Z') return letter - 'A';
  if (letter >= 'a' && letter <= 'z') return letter - 'a' + 26;
  if (letter >= '0' && letter <= '9') return letter - '0' + 52;
  if (letter == '+' || letter == '-') return 62;
  return letter == '/' || letter == '_' ? 63 : -1;
}

bool is_passed_over(char letter) { return letter == '\n' || letter == '\r' || letter == ' ' || letter == '\t'; }

constexpr std::string_view kData = "data:";
constexpr std::string_view kBase64 = ";base64,";

// Of "data:image/png;base64,AAAA" what stands behind the comma.
std::string_view inside_of(std::string_view text, const std::string& path) {
  const std::size_t comma = text.find(',');
  const std::size_t mark = text.find(kBase64);
  if (comma == std::string_view::npos || mark == std::string_view::npos || mark + kBase64.size() != comma + 1)
    throw bad_request(fmt::format("'{}' is a data: address without base64; send data:image/png;base64,…", path))
        .at(path);
  return text.substr(comma + 1);
}

constexpr std::size_t kLongestScheme = 16;
constexpr std::size_t kLongestAddress = 4096;

// "https" of "HTTPS://example.org/a.png"; empty: it is no address.
std::string scheme_of(std::string_view text) {
  const std::size_t end = text.find("://");
  if (end == std::string_view::npos || end > kLongestScheme) return {};
  const auto is_letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  return std::ranges::all_of(text.substr(0, end), is_letter) ? lower_case(text.substr(0, end)) : std::string{};
}

// It lies elsewhere, and is read once it is known that the model takes it.
Medium elsewhere(const std::string& scheme, const std::string& address, const std::string& path) {
  static constexpr std::array<const char*, 3> kRead{"https", "http", "file"};
  if (!std::ranges::contains(kRead, scheme))
    throw bad_request(
        fmt::format("'{}' begins with '{}://'; files are read from https, http and file addresses, or sent "
                    "as data:image/png;base64,…",
                    path, scheme))
        .at(path);
  if (address.size() > kLongestAddress)
    throw bad_request(fmt::format("'{}' is an address of more than {} letters", path, kLongestAddress)).at(path);
  return {.address = scheme + address.substr(scheme.size()), .path = path, .type = "image"};
}

// {"url": ...}, or the address itself.
std::string address_in(Fields& part, const char* key) {
  const Json& given = part.need(key);
  if (given.is_string()) return given.get<std::string>();
  Fields inner(given, part.path_of(key));
  inner.ignore({"detail", "format"});
  std::string url = inner.need_text("url");
  inner.pass_over_unknown();
  return url;
}

// {"type": "base64", "media_type", "data"}, or {"type": "url", "url"}.
std::string data_of_source(Fields& part) {
  Fields source(part.need("source"), part.path_of("source"));
  const std::string type = source.need_text("type");
  if (type != "base64" && type != "url") source.fail("type", fmt::format("is '{}'; it must be base64 or url", type));
  source.ignore({"media_type"});  // the file says it itself
  std::string data = source.need_text(type == "url" ? "url" : "data");
  source.pass_over_unknown();
  return data;
}

std::string data_of_audio(Fields& part) {
  Fields inner(part.need("input_audio"), part.path_of("input_audio"));
  inner.ignore({"format"});
  std::string data = inner.need_text("data");
  inner.pass_over_unknown();
  return data;
}

std::string file_text(Fields& part, const std::string& type) {
  if (type == "image_url" || type == "audio_url") return address_in(part, type.c_str());
  if (type == "input_audio") return data_of_audio(part);
  if (type == "image") return data_of_source(part);
  if (part.find("file_id") != nullptr && part.find("image_url") == nullptr)
    part.fail("file_id", "is a file of another place; send the picture itself, as 'image_url'");
  return address_in(part, "image_url");
}

std::string read_as(Fields& part, const std::string& type, const std::string& path, MediaList& media,
                    std::string instead) {
  const std::string text = file_text(part, type);
  std::string mark = read_medium_text(text, path, media, std::move(instead));
  Medium& medium = media.all().back();
  medium.type = type;
  if (!medium.address.empty() && (type == "audio_url" || type == "input_audio"))
    medium.facts.kind = engine::MediaFile::Kind::sound;
  part.ignore({"detail", "cache_control", "file_id", "uuid", "id", "status"});
  return mark;
}

}  // namespace

std::optional<std::string> from_base64(std::string_view text) {
  std::string out;
  out.reserve(text.size() / 4 * 3);
  std::uint32_t bits = 0;
  std::size_t letters = 0;
  std::size_t ends = 0;
  for (const char letter : text) {
    if (is_passed_over(letter)) continue;
    if (letter == '=') {
      ++ends;
      continue;
    }
    const int value = value_of(letter);
    if (value < 0 || ends > 0) return std::nullopt;
    bits = bits << 6U | static_cast<std::uint32_t>(value);
    if (++letters % 4 != 1) out += static_cast<char>((bits >> (6U - 2U * ((letters - 1) % 4))) & 0xFFU);
  }
  const bool is_whole = letters % 4 != 1 && (ends == 0 || (ends <= 2 && (letters + ends) % 4 == 0));
  return is_whole ? std::optional(std::move(out)) : std::nullopt;
}

bool is_medium(const std::string& type) {
  static constexpr std::array<const char*, 5> kTypes{"image_url", "input_image", "image", "input_audio", "audio_url"};
  return std::ranges::contains(kTypes, type);
}

bool is_no_text(const std::string& type) {
  return is_medium(type) || type == "video_url" || type == "file" || type == "input_file";
}

std::string read_medium_text(const std::string& text, const std::string& path, MediaList& media, std::string instead) {
  if (const std::string scheme = scheme_of(text); !scheme.empty()) {
    Medium medium = elsewhere(scheme, text, path);
    medium.facts.kind = engine::MediaFile::Kind::picture;
    medium.instead = std::move(instead);
    return media.add(std::move(medium));
  }
  const std::string_view whole = text;
  std::optional<std::string> file = from_base64(whole.starts_with(kData) ? inside_of(whole, path) : whole);
  if (!file) throw bad_request(fmt::format("'{}' is not base64", path)).at(path);
  return media.add({.file = std::move(*file), .path = path, .type = "image", .instead = std::move(instead)});
}

std::string read_media_texts(const Json& list, const std::string& path, MediaList& media, const std::string& instead) {
  if (!list.is_array()) throw bad_request(fmt::format("'{}' must be a list of files as base64", path)).at(path);
  std::string marks;
  for (std::size_t i = 0; i < list.size(); ++i) {
    const std::string at = fmt::format("{}[{}]", path, i);
    if (!list[i].is_string()) throw bad_request(fmt::format("'{}' must be a file as base64", at)).at(at);
    marks += read_medium_text(list[i].get<std::string>(), at, media, instead);
  }
  return marks;
}

std::string read_medium(Fields& part, const std::string& type, const std::string& path, MediaList& media) {
  return read_as(part, type, path, media, {});
}

std::string read_medium_of_a_tool(Fields& part, const std::string& type, const std::string& path, MediaList* media) {
  if (media == nullptr || !is_medium(type)) return stand_in(type, path);
  try {
    return read_as(part, type, path, *media, words_for(type));
  } catch (const Problem&) {
    return stand_in(type, path);
  }
}

std::string words_for(const std::string& type) { return fmt::format("[{} left out: this model reads text]", type); }

std::string stand_in(const std::string& type, const std::string& path) {
  UnknownFields::met(fmt::format("{}.type={}", path, type), "only text is understood here");
  return words_for(type);
}

}  // namespace plimsoll::api
