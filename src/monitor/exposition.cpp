#include "monitor/exposition.hpp"

#include <ranges>

namespace plimsoll::monitor {
namespace {

std::string escaped(std::string_view text, bool in_quotes) {
  std::string out;
  for (const char c : text) {
    if (c == '\\') {
      out += "\\\\";
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '"' && in_quotes) {
      out += "\\\"";
    } else {
      out += c;
    }
  }
  return out;
}

std::string between_braces(Labels labels) {
  std::string out;
  for (const auto& [name, text] : labels)
    out += fmt::format("{}{}=\"{}\"", out.empty() ? "" : ",", name, escaped(text, true));
  return out;
}

}  // namespace

void Exposition::family(std::string_view name, std::string_view type, std::string_view help) {
  name_ = name;
  header_ = fmt::format("# HELP {} {}\n# TYPE {} {}\n", name, escaped(help, false), name, type);
}

// Prometheus' buckets hold what the ones before them hold, too.
void Exposition::add(Labels labels, const Histogram& value) {
  const std::string inside = between_braces(labels);
  const auto bucket = [&](std::string_view bound, std::uint64_t count) {
    write("_bucket", fmt::format("{}{}le=\"{}\"", inside, inside.empty() ? "" : ",", bound), std::to_string(count));
  };
  std::uint64_t below = 0;
  for (const auto& [bound, count] : std::views::zip(value.bounds(), value.counts()))
    bucket(fmt::format("{}", bound), below += count);
  bucket("+Inf", value.count());
  write("_sum", inside, fmt::format("{}", value.sum()));
  write("_count", inside, std::to_string(value.count()));
}

void Exposition::line(Labels labels, const std::string& value) { write("", between_braces(labels), value); }

void Exposition::write(std::string_view suffix, const std::string& labels, const std::string& value) {
  text_ += std::exchange(header_, {});
  text_ += labels.empty() ? fmt::format("{}{} {}\n", name_, suffix, value)
                          : fmt::format("{}{}{{{}}} {}\n", name_, suffix, labels, value);
}

}  // namespace plimsoll::monitor
