#include "embedding_models.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "decoding.hpp"

namespace plimsoll::test {
namespace {

plan::Request small(const std::string& path, std::uint32_t sequences) {
  plan::Request request{.name = "embeds", .dry_run = {}};
  request.dry_run.model.path = path;
  request.dry_run.model.devices = {"none"};
  request.dry_run.context.n_ctx = 256;
  request.dry_run.context.n_batch = 64;
  request.dry_run.context.n_ubatch = 64;
  request.dry_run.context.n_seq_max = sequences;
  request.dry_run.context.n_threads = 1;
  return request;
}

}  // namespace

plan::Request embedding_request(const std::string& path, engine::Pooling pooling, std::uint32_t sequences) {
  plan::Request request = small(path, sequences);
  run::plan_for_embeddings(request.dry_run, pooling);
  return request;
}

plan::Request ranking_request(const std::string& path, std::uint32_t sequences) {
  plan::Request request = small(path, sequences);
  run::plan_for_ranking(request.dry_run);
  return request;
}

double distance(std::span<const float> a, std::span<const float> b) {
  double most = a.size() == b.size() ? 0 : INFINITY;
  for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i) most = std::max(most, std::abs(double{a[i]} - b[i]));
  return most;
}

double length(std::span<const float> row) {
  double sum = 0;
  for (const float value : row) sum += double{value} * value;
  return std::sqrt(sum);
}

std::vector<std::string> planned_places(const std::vector<plan::Entry>& entries) {
  std::vector<std::string> places;
  for (const plan::Entry& entry : entries) {
    if (entry.stage == memory::Stage::runtime) continue;
    places.push_back(fmt::format("{} {} {} {}", entry.device.name(), entry.buffer, memory::to_string(entry.stage),
                                 entry.bytes.value()));
  }
  std::ranges::sort(places);
  return places;
}

std::vector<std::vector<engine::Token>> some_inputs(std::size_t n) {
  std::vector<std::vector<engine::Token>> inputs;
  for (std::size_t i = 0; i < n; ++i) {
    inputs.push_back(some_tokens(1 + (i * 13) % 40, static_cast<llama_token>(5 + i)));
    for (llama_token& token : inputs.back()) token = 5 + token % 75;  // every test model has these
  }
  return inputs;
}

}  // namespace plimsoll::test
