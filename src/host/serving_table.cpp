#include "serving_table.hpp"

#include <algorithm>
#include <string_view>

namespace plimsoll::host {
namespace {

constexpr std::int64_t kHighestPort = 65'535;

// A word that stands as it is in the files of other programs.
void set_word(const char* key, std::string& target, const std::string& value, std::string_view others) {
  const bool is_word = !value.empty() && std::ranges::all_of(value, [&](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || others.contains(c);
  });
  if (!is_word)
    throw Error(ErrorCode::usage,
                fmt::format("'{}' does not know '{}'; it takes letters, digits and {}", key, value, others));
  target = value;
}

const std::string& not_ours(const std::string& option) {
  for (const std::string_view ours : {"--host", "--port"}) {
    if (option == ours || option.starts_with(std::string(ours) + '='))
      throw Error(ErrorCode::usage, fmt::format("'options' cannot have '{}': it follows from the placement", ours));
  }
  return option;
}

}  // namespace

place::Serving read_serving(const toml::table& table, Complaints& complaints) {
  place::Serving out;
  TableReader reader(complaints, "'serve'");
  reader.text("program", [&](const std::string& value) { out.program = value; });
  reader.texts("options", [&](const std::string& value) { out.options.push_back(not_ours(value)); });
  reader.number("port", out.port, 1, kHighestPort);
  reader.number("replica-ports", out.first_port, 1, kHighestPort - place::kPortsOfReplicas + 1);
  reader.number("front-port", out.front_port, 1, kHighestPort);
  reader.text("front-certificate",
              [&](const std::string& value) { set_word("front-certificate", out.front_certificate, value, "-_./"); });
  reader.text("beside", [&](const std::string& value) {
    const auto parsed = parse_bytes(value);
    if (!parsed) throw Error(ErrorCode::usage, fmt::format("'beside': {}", parsed.error()));
    out.beside = *parsed;
  });
  reader.text("partition", [&](const std::string& value) { set_word("partition", out.partition, value, "-_.,"); });
  reader.text("image", [&](const std::string& value) { set_word("image", out.image, value, "-_./:@"); });
  reader.text("namespace", [&](const std::string& value) { set_word("namespace", out.name_space, value, "-"); });
  reader.text("runtime-class",
              [&](const std::string& value) { set_word("runtime-class", out.runtime_class, value, "-."); });
  reader.read(table);
  if (out.program.empty()) complaints.at(table.source(), "'program' is empty");
  return out;
}

}  // namespace plimsoll::host
