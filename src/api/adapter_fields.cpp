#include "api/adapter_fields.hpp"

#include <fmt/format.h>

#include "api/problem.hpp"

namespace plimsoll::api {
namespace {

constexpr std::int64_t kMostAdapters = 1000;
constexpr double kLargestScale = 1e6;

}  // namespace

std::vector<AdapterScale> read_adapter_scales(const Json& list, const std::string& path) {
  if (!list.is_array()) {
    Problem problem = bad_request(fmt::format("{} must be a list like [{{\"id\": 0, \"scale\": 0.5}}]",
                                              path.empty() ? "the body" : fmt::format("'{}'", path)));
    if (!path.empty()) problem.at(path);
    throw problem;
  }
  std::vector<AdapterScale> out;
  for (std::size_t i = 0; i < list.size(); ++i) {
    Fields fields(list[i], fmt::format("{}[{}]", path, i));
    const auto id = fields.whole("id", 0, kMostAdapters);
    if (!id) fields.fail("id", "is missing: it is the adapter's number in GET /lora-adapters");
    const double scale = fields.number("scale", -kLargestScale, kLargestScale).value_or(0);
    fields.ignore({"path", "task_name", "prompt_prefix"});  // what GET says of it
    fields.pass_over_unknown();
    out.push_back({.id = static_cast<std::size_t>(*id), .scale = static_cast<float>(scale)});
  }
  return out;
}

Json to_json(const std::vector<AdapterScale>& scales) {
  Json out = Json::array();
  for (const AdapterScale& one : scales) out.push_back({{"id", one.id}, {"scale", one.scale}});
  return out;
}

}  // namespace plimsoll::api
