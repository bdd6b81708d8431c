// How fast weights reach a device: the link from pinned and from pageable memory, then a model as the engine loads it,
// as tracker::Uploads does from the page cache, and from memory that was kept of it. One JSON object on stdout.
#include <fmt/format.h>
#include <ggml-backend.h>
#include <ggml.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>
#include <vector>

#include <plimsoll/base/error.hpp>
#include "base/clock.hpp"
#include "base/log.hpp"
#include "dry_run/local_dry_runs.hpp"
#include "engine/backend.hpp"
#include "plan/planner.hpp"
#include "run/generation.hpp"
#include "run/open.hpp"
#include "tracker/kept_weights.hpp"

using namespace plimsoll;
using Json = nlohmann::ordered_json;

namespace {

struct Options {
  std::string model;
  std::string device = "Vulkan0";
  std::uint32_t context = 512;
  std::uint32_t batch = 64;
  int rounds = 5;
  std::uint64_t link_bytes = std::uint64_t{256} << 20U;
};

constexpr Bytes kAlways{0};
constexpr Bytes kNever{std::uint64_t{1} << 60U};

double gb_per_s(std::uint64_t bytes, double ms) { return static_cast<double>(bytes) / ms / 1e6; }

struct FreeBuffer {
  void operator()(ggml_backend_buffer_t buffer) const noexcept { ggml_backend_buffer_free(buffer); }
};
using Buffer = std::unique_ptr<ggml_backend_buffer, FreeBuffer>;
struct FreeContext {
  void operator()(ggml_context* context) const noexcept { ggml_free(context); }
};

// One large tensor on the device, written to again and again; the best of the rounds, since the link cannot be faster
// than it is.
class Link {
 public:
  Link(ggml_backend_dev_t device, std::uint64_t bytes)
      : bytes_(bytes),
        context_(ggml_init({.mem_size = 2 * ggml_tensor_overhead(), .mem_buffer = nullptr, .no_alloc = true})) {
    tensor_ = ggml_new_tensor_1d(context_.get(), GGML_TYPE_I8, static_cast<std::int64_t>(bytes));
    buffer_.reset(ggml_backend_alloc_ctx_tensors_from_buft(context_.get(), ggml_backend_dev_buffer_type(device)));
    if (!buffer_) throw Error(ErrorCode::out_of_device_memory, "the device has no room for a buffer to measure with");
  }

  [[nodiscard]] double best_gb_per_s(const void* from, int rounds) const {
    double best = 0;
    for (int round = 0; round < rounds + 1; ++round) {  // the first one finds the pages
      const Stopwatch watch;
      ggml_backend_tensor_set(tensor_, from, 0, bytes_);
      best = std::max(best, gb_per_s(bytes_, watch.elapsed_ms()));
    }
    return best;
  }

 private:
  std::uint64_t bytes_;
  std::unique_ptr<ggml_context, FreeContext> context_;
  ggml_tensor* tensor_ = nullptr;
  Buffer buffer_;
};

Json link_of(const Options& options, ggml_backend_dev_t device) {
  const Link link(device, options.link_bytes);
  const std::vector<char> pageable(options.link_bytes, 1);
  Json out{{"pageable_gb_s", link.best_gb_per_s(pageable.data(), options.rounds)}};
  ggml_backend_buffer_type_t type = ggml_backend_dev_host_buffer_type(device);
  if (type == nullptr) return out;
  const Buffer pinned(ggml_backend_buft_alloc_buffer(type, options.link_bytes));
  if (!pinned) return out;
  std::fill_n(static_cast<char*>(ggml_backend_buffer_get_base(pinned.get())), options.link_bytes, 1);
  out["pinned_gb_s"] = link.best_gb_per_s(ggml_backend_buffer_get_base(pinned.get()), options.rounds);
  return out;
}

plan::Plan plan_of(const Options& options) {
  plan::Request request{.name = "model", .dry_run = {}};
  request.dry_run.model.path = options.model;
  request.dry_run.model.devices = {options.device};
  request.dry_run.context.n_ctx = options.context;
  request.dry_run.context.n_batch = request.dry_run.context.n_ubatch = options.batch;
  dry_run::LocalDryRuns dry_runs;
  plan::Store nothing("/dev/null/plimsoll.db");
  return plan::Planner(dry_runs, nothing).plan({request}, {.budgets = {}, .ours = {}, .alternatives = false});
}

std::uint64_t bytes_on_devices(const plan::Plan& plan) {
  Bytes sum;
  for (const plan::Entry& entry : plan.models.front().entries) {
    if (entry.stage == memory::Stage::weights && !entry.device.is_host()) sum += entry.bytes;
  }
  return sum.value();
}

struct Loaded {
  double load_ms = 0;  // header and vocabulary with it
  tracker::UploadCounts uploads;
  std::string text;
  std::shared_ptr<const tracker::KeptWeights> kept;
};

Loaded load(run::MemoryAccounting& accounting, const plan::Plan& plan, Bytes uploads_from,
            std::shared_ptr<const tracker::KeptWeights> kept) {
  accounting.tracker().set_uploads_from(uploads_from);
  run::Instance instance(accounting, plan.models.front(), plan.devices);
  const Stopwatch watch;
  instance.load({}, {}, kept);
  Loaded out{.load_ms = watch.elapsed_ms(), .uploads = instance.upload_counts(), .text = {}, .kept = std::move(kept)};
  if (!out.kept) out.kept = tracker::KeptWeights::copy_of(instance.uploaded());
  instance.create_context();
  (void)instance.warm_up({.depth = run::WarmUpDepth::none});
  instance.seal();
  run::GenerationParams greedy{.predict = 16, .sampling = {.temperature = 0}, .ignore_end_of_generation = true};
  greedy.prompt = run::tokenize_prompt(*instance.model(), "Once upon a time");
  run::Generation generation(instance, greedy);
  out.text = run::stream(generation);
  return out;
}

// Engine, ours and kept one after the other in each round, so that a busy moment hits all of them.
Json loads(const Options& options, const plan::Plan& plan) {
  Json out{{"engine", Json::array()}, {"ours", Json::array()}, {"kept", Json::array()}};
  run::MemoryAccounting accounting;
  bool same = true;
  bool ours_alone = true;  // what was to come our way did
  for (int round = 0; round < options.rounds + 1; ++round) {
    const Loaded engines = load(accounting, plan, kNever, nullptr);
    Loaded ours = load(accounting, plan, kAlways, nullptr);
    const Loaded again = load(accounting, plan, kAlways, ours.kept);
    same = same && engines.text == ours.text && ours.text == again.text;
    ours_alone = ours_alone && engines.uploads.weights == 0 && ours.uploads.weights > 0 &&
                 again.uploads.from_file == Bytes{} && again.uploads.from_kept == ours.uploads.from_file;
    if (round == 0) continue;  // the file comes into the page cache, pipelines are compiled
    out["engine"].push_back({{"load_ms", engines.load_ms}});
    for (const auto& [name, one] : {std::pair<const char*, const Loaded*>{"ours", &ours}, {"kept", &again}})
      out[name].push_back({{"load_ms", one->load_ms},
                           {"upload_ms", one->uploads.ms},
                           {"upload_bytes", (one->uploads.from_file + one->uploads.from_kept).value()}});
  }
  out["same_text"] = same;
  out["as_asked"] = ours_alone;
  out["nothing_left"] = accounting.ledger().empty();
  return out;
}

Json measure(const Options& options) {
  engine::start_backends();
  ggml_backend_dev_t device = ggml_backend_dev_by_name(options.device.c_str());
  if (device == nullptr) throw Error(ErrorCode::usage, fmt::format("there is no device '{}'", options.device));
  const plan::Plan plan = plan_of(options);
  Json out{{"device", options.device}, {"description", ggml_backend_dev_description(device)}};
  out["link"] = link_of(options, device);
  out["bytes"] = bytes_on_devices(plan);
  out["loads"] = loads(options, plan);
  return out;
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  CLI::App app("How fast weights reach a device");
  app.add_option("-m", options.model)->required();
  app.add_option("--device", options.device);
  app.add_option("-c", options.context);
  app.add_option("-b", options.batch);
  app.add_option("--rounds", options.rounds);
  app.add_option("--link-bytes", options.link_bytes);
  CLI11_PARSE(app, argc, argv);
  try {
    log::set_level(log::Level::warn);
    fmt::print("{}\n", measure(options).dump());
    return 0;
  } catch (const std::exception& error) {
    fmt::print(stderr, "load_speed: {}\n", error.what());
    return 1;
  }
}
