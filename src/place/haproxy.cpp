#include "place/haproxy.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "broken_streams.hpp"
#include "haproxy_text.hpp"
#include "serving_names.hpp"

namespace plimsoll::place {
namespace {

using Json = nlohmann::ordered_json;

bool is_placed(const ServedCluster& served, const Model& model) {
  return std::ranges::contains(served.placement.placed, model.name, &Placed::model);
}

std::vector<std::string> names_of(const ServedCluster& served, std::size_t m) {
  std::vector<std::string> out{served.cluster.models[m].name};
  out.insert(out.end(), served.models[m].names.begin(), served.models[m].names.end());
  return out;
}

// As HAProxy's url_enc writes it, so that a name is one word of a map.
std::string encoded(const std::string& name) {
  std::string out;
  for (const char c : name) {
    const bool is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
                          c == '.' || c == '_' || c == '~';
    out += is_plain ? std::string(1, c) : fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return out;
}

std::string lower(std::string text) {
  for (char& c : text) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return text;
}

std::string backend_of(const Model& model) { return "model-" + plain_name(model.name); }

// By name the one model that has it; a name of several means none of them.
std::string names_map(const ServedCluster& served, bool in_any_case) {
  std::map<std::string, std::set<std::string>> backends;
  for (std::size_t m = 0; m < served.models.size(); ++m) {
    if (!is_placed(served, served.cluster.models[m])) continue;
    for (const std::string& name : names_of(served, m))
      backends[encoded(in_any_case ? lower(name) : name)].insert(backend_of(served.cluster.models[m]));
  }
  std::string out;
  for (const auto& [name, of] : backends) {
    if (of.size() == 1 && !name.empty()) out += fmt::format("{} {}\n", name, *of.begin());
  }
  return out;
}

// In OpenAI's form and in Anthropic's at once: each client finds its own members.
std::string models_json(const ServedCluster& served) {
  Json data = Json::array();
  for (std::size_t m = 0; m < served.models.size(); ++m) {
    if (!is_placed(served, served.cluster.models[m])) continue;
    for (const std::string& name : names_of(served, m)) {
      data.push_back({{"id", name},
                      {"object", "model"},
                      {"created", 0},
                      {"owned_by", "plimsoll"},
                      {"type", "model"},
                      {"display_name", name},
                      {"created_at", "1970-01-01T00:00:00Z"}});
    }
  }
  const Json out{{"object", "list"},
                 {"data", data},
                 {"has_more", false},
                 {"first_id", data.front()["id"]},
                 {"last_id", data.back()["id"]}};
  return out.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::vector<HaproxyServer> servers_on_nodes(const ServedCluster& served, const Model& model) {
  std::vector<HaproxyServer> out;
  for (const Node& node : served.cluster.nodes) {
    const bool has_it = std::ranges::any_of(
        served.placement.placed, [&](const Placed& one) { return one.model == model.name && one.node == node.name; });
    if (has_it) out.push_back({.name = node.name, .address = address_of(node), .port = served.serving.port});
  }
  return out;
}

// Each replica where Slurm may have put it: it has its own port, so at most one of them is there.
std::vector<HaproxyServer> servers_of_jobs(const ServedCluster& served, const Model& model,
                                           const std::vector<Alike>& all, const Ports& ports) {
  std::vector<HaproxyServer> out;
  for (const Alike& alike : all) {
    if (alike.model->name != model.name) continue;
    for (const Placed* one : alike.replicas) {
      for (const Node* node : nodes_for(served, alike, *one)) {
        out.push_back({.name = fmt::format("{}-{}", node->name, one->replica),
                       .address = address_of(*node),
                       .port = ports.at({one->model, one->replica})});
      }
    }
  }
  return out;
}

std::vector<HaproxyServer> servers_of_pods(const ServedCluster& served, const Model& model) {
  const auto count = std::ranges::count(served.placement.placed, model.name, &Placed::model);
  const std::string name = plain_name(model.name);
  return {
      {.name = name + "-",
       .address = served.serving.name_space.empty() ? name : fmt::format("{}.{}.svc", name, served.serving.name_space),
       .port = served.serving.port,
       .pods = static_cast<unsigned>(count)}};
}

}  // namespace

std::vector<RenderedFile> haproxy_files(const ServedCluster& served, ServedBy by) {
  if (served.placement.placed.empty())
    require_none({"no model has a place, so there is nothing to stand before"}, "HAProxy");
  const Ports ports = ports_of(served);
  const std::vector<Alike> all = alike_replicas(served);
  HaproxyFront front{.port = served.serving.front_port,
                     .certificate = served.serving.front_certificate,
                     .has_pods = by == ServedBy::kubernetes};
  for (std::size_t m = 0; m < served.models.size(); ++m) {
    const Model& model = served.cluster.models[m];
    if (!is_placed(served, model)) continue;
    front.backends.push_back({.name = backend_of(model),
                              .at_once = std::max(8U, 2 * served.models[m].slots),
                              .is_alone = by != ServedBy::nodes,
                              .servers = by == ServedBy::nodes   ? servers_on_nodes(served, model)
                                         : by == ServedBy::slurm ? servers_of_jobs(served, model, all, ports)
                                                                 : servers_of_pods(served, model)});
  }
  return {{.name = "haproxy.cfg", .text = haproxy_config(front)},
          {.name = "names.map", .text = names_map(served, false)},
          {.name = "names-lower.map", .text = names_map(served, true)},
          {.name = "models.json", .text = models_json(served)},
          {.name = kBrokenStreamsFile, .text = broken_streams_lua()}};
}

}  // namespace plimsoll::place
