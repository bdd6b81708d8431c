#include "grammar/formats.hpp"

#include <fmt/format.h>

#include <map>
#include <set>

namespace plimsoll::grammar {
namespace {

using Patterns = std::map<std::string, std::string, std::less<>>;

const std::string& find_in(const Patterns& patterns, std::string_view name) {
  static const std::string kNone;
  const auto found = patterns.find(name);
  return found == patterns.end() ? kNone : found->second;
}

// The 29th of February in leap years alone.
std::string date() {
  const std::string leap = R"((?:\d\d(?:0[48]|[2468][048]|[13579][26])|(?:[02468][048]|[13579][26])00))";
  return fmt::format(R"((?:\d{{4}}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12]\d|3[01])|(?:0[469]|11)-(?:0[1-9]|[12]\d|30))"
                     R"(|02-(?:0[1-9]|1\d|2[0-8]))|{}-02-29))",
                     leap);
}

std::string time() { return R"((?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d{1,9})?(?:Z|[+-](?:[01]\d|2[0-3]):[0-5]\d))"; }

std::string duration() {
  const std::string time = R"(T(?:\d{1,9}H(?:\d{1,9}M(?:\d{1,9}S)?)?|\d{1,9}M(?:\d{1,9}S)?|\d{1,9}S))";
  const std::string days = R"((?:\d{1,9}Y(?:\d{1,9}M(?:\d{1,9}D)?)?|\d{1,9}M(?:\d{1,9}D)?|\d{1,9}D))";
  return fmt::format(R"(P(?:\d{{1,9}}W|{0}(?:{1})?|{1}))", days, time);
}

std::string ipv4() {
  const std::string byte = R"((?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d))";
  return fmt::format(R"((?:{0}\.){{3}}{0})", byte);
}

// Eight groups, or fewer around "::".
std::string ipv6() {
  const std::string group = "[0-9a-fA-F]{1,4}";
  std::string all = fmt::format("(?:{0}:){{7}}{0}|(?:{0}:){{1,7}}:|:(?:(?::{0}){{1,7}}|:)", group);
  for (int before = 1; before <= 6; ++before)
    all += fmt::format("|(?:{0}:){{{1}}}(?::{0}){{1,{2}}}", group, before, 7 - before);
  return "(?:" + all + ")";
}

std::string label() { return "[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"; }

std::string email() {
  const std::string word = "[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]{1,64}";
  return fmt::format(R"({0}(?:\.{0})*@{1}(?:\.{1})+)", word, label());
}

const std::string kPlainInUri = R"((?:[A-Za-z0-9._~:/?@!$&'()*+,;=-]|%[0-9A-Fa-f]{2}))";

Patterns make_formats() {
  Patterns all{
      {"date", date()},
      {"time", time()},
      {"date-time", date() + "T" + time()},
      {"duration", duration()},
      {"uuid", "[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}"},
      {"ipv4", ipv4()},
      {"ipv6", ipv6()},
      {"hostname", fmt::format(R"({0}(?:\.{0})*)", label())},
      {"idn-hostname", R"([^\s.@:/]{1,63}(?:\.[^\s.@:/]{1,63})*)"},
      {"email", email()},
      {"idn-email", R"([^\s@]{1,64}@[^\s.@:/]{1,63}(?:\.[^\s.@:/]{1,63})+)"},
      {"uri", fmt::format(R"([A-Za-z][A-Za-z0-9+.-]{{0,30}}:{0}+(?:#{0}*)?)", kPlainInUri)},
      {"uri-reference", fmt::format("{0}*(?:#{0}*)?", kPlainInUri)},
      {"iri", R"([A-Za-z][A-Za-z0-9+.-]{0,30}:[^\s<>"{}|\\^`]+)"},
      {"iri-reference", R"([^\s<>"{}|\\^`]*)"},
      {"uri-template", fmt::format(R"((?:{}|#|\{{[^\s{{}}"]+\}})*)", kPlainInUri)},
      {"json-pointer", R"((?:/(?:[^~/]|~[01])*)*)"},
      {"relative-json-pointer", R"((?:0|[1-9]\d{0,9})(?:#|(?:/(?:[^~/]|~[01])*)*))"},
  };
  all["url"] = all["uri"];
  all["ip-address"] = all["ipv4"];
  all["host-name"] = all["hostname"];
  all["byte"] = "(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?";
  for (auto& [name, pattern] : all) pattern = "^(?:" + pattern + ")$";
  return all;
}

}  // namespace

const std::string& pattern_of_format(std::string_view format) {
  static const Patterns kFormats = make_formats();
  return find_in(kFormats, format);
}

const std::string& pattern_of_encoding(std::string_view encoding) {
  static const Patterns kEncodings{
      {"base64", pattern_of_format("byte")},
      {"base64url", "^[A-Za-z0-9_-]*={0,2}$"},
      {"base32", "^(?:[A-Z2-7]{8})*(?:[A-Z2-7]{2}={6}|[A-Z2-7]{4}={4}|[A-Z2-7]{5}={3}|[A-Z2-7]{7}=)?$"},
      {"base16", "^(?:[0-9A-Fa-f]{2})*$"}};
  return find_in(kEncodings, encoding);
}

bool is_free_format(std::string_view format) {
  static const std::set<std::string, std::less<>> kFree{"password",  "float",  "double",   "decimal",
                                                        "binary",    "text",   "textarea", "markdown",
                                                        "multiline", "string", "enum",     ""};
  return kFree.contains(format);
}

}  // namespace plimsoll::grammar
