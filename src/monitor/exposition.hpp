// Exposition: Prometheus' text format, version 0.0.4: families of samples with HELP and TYPE lines.
#pragma once
#include <concepts>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "base/histogram.hpp"

namespace plimsoll::monitor {

using Labels = std::initializer_list<std::pair<std::string_view, std::string_view>>;

// Families come one after the other; one without samples leaves no trace.
class Exposition {
 public:
  // "gauge", "counter" or "histogram"; a counter's name ends in _total, and no other's.
  void family(std::string_view name, std::string_view type, std::string_view help);
  void add(Labels labels, std::integral auto value) { line(labels, fmt::format("{}", value)); }
  void add(Labels labels, double value) { line(labels, fmt::format("{}", value)); }
  void add(Labels labels, const Histogram& value);  // as _bucket, _sum and _count
  [[nodiscard]] const std::string& text() const noexcept { return text_; }

 private:
  void line(Labels labels, const std::string& value);
  // Labels as they stand between braces.
  void write(std::string_view suffix, const std::string& labels, const std::string& value);

  std::string name_;
  std::string header_;  // not written yet
  std::string text_;
};

}  // namespace plimsoll::monitor
