#include "near_name.hpp"

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <utility>

namespace plimsoll::app {
namespace {

// Damerau and Levenshtein's, where no part is changed twice.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::vector<std::size_t>> rows(a.size() + 1, std::vector<std::size_t>(b.size() + 1));
  for (std::size_t i = 0; i <= a.size(); ++i) {
    for (std::size_t k = 0; k <= b.size(); ++k) {
      if (i == 0 || k == 0) {
        rows[i][k] = i + k;
        continue;
      }
      const std::size_t other = a[i - 1] == b[k - 1] ? 0 : 1;
      rows[i][k] = std::min({rows[i - 1][k] + 1, rows[i][k - 1] + 1, rows[i - 1][k - 1] + other});
      if (i > 1 && k > 1 && a[i - 1] == b[k - 2] && a[i - 2] == b[k - 1])
        rows[i][k] = std::min(rows[i][k], rows[i - 2][k - 2] + 1);
    }
  }
  return rows[a.size()][b.size()];
}

// What begins with what was written is near, too.
std::size_t wrong_letters(std::string_view written, std::string_view name) {
  return written.size() > 1 && name.starts_with(written) ? 1 : distance(written, name);
}

}  // namespace

std::string same_elsewhere(std::string_view written) {
  static constexpr std::pair<std::string_view, std::string_view> kElsewhere[]{
      {"run", "chat"},         {"cli", "generate"},      {"complete", "generate"}, {"completion", "generate"},
      {"server", "serve"},     {"start", "serve"},       {"show", "plan"},         {"info", "plan"},
      {"estimate", "plan"},    {"fit", "plan"},          {"fit-params", "plan"},   {"ls", "ps"},
      {"list", "ps"},          {"status", "ps"},         {"gpus", "devices"},      {"embedding", "embed"},
      {"warmup", "calibrate"}, {"warm-up", "calibrate"}, {"benchmark", "bench"}};
  const auto found = std::ranges::find(kElsewhere, written, [](const auto& pair) { return pair.first; });
  return found == std::end(kElsewhere) ? std::string{} : std::string(found->second);
}

std::string near_name(std::string_view written, const std::vector<std::string>& names) {
  const auto near = std::ranges::min_element(names, {}, [&](const auto& name) { return wrong_letters(written, name); });
  if (near == names.end()) return {};
  const std::size_t most = std::max<std::size_t>(1, std::min(written.size(), near->size()) / 3);
  return wrong_letters(written, *near) <= most ? *near : std::string{};
}

}  // namespace plimsoll::app
