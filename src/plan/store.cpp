#include "plan/store.hpp"

#include <sqlite3.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <set>

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/log.hpp"
#include "base/version.hpp"
#include "device/driver.hpp"
#include "dry_run/dry_run_json.hpp"
#include "engine/backend.hpp"
#include "engine/engine_build.hpp"
#include "options/table.hpp"

namespace plimsoll::plan {
namespace {

constexpr int kBusyMilliseconds = 2000;

constexpr const char* kSchema =
    "CREATE TABLE IF NOT EXISTS dry_run (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS measurement (id INTEGER PRIMARY KEY, key TEXT NOT NULL, cache TEXT NOT NULL, "
    "bytes INTEGER NOT NULL, at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')));"
    "CREATE INDEX IF NOT EXISTS measurement_key ON measurement (key);";

// What the tables mean (PRAGMA user_version). 2: measurements one by one; what stood there before cannot be used: the
// largest ever measured, of any driver and build, and dry runs of contexts that reserved a whole batch of logits.
// 3: dry runs have a table of that name.
constexpr int kMeaning = 3;
constexpr const char* kFromEarlier =
    "DROP TABLE IF EXISTS runtime; DROP TABLE IF EXISTS survey; PRAGMA user_version = 3;";

// A prepared statement; gone with the object.
class Statement {
 public:
  Statement(sqlite3* database, const char* sql) { sqlite3_prepare_v2(database, sql, -1, &statement_, nullptr); }
  ~Statement() { sqlite3_finalize(statement_); }
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;

  Statement& bind(int index, const std::string& text) {
    sqlite3_bind_text(statement_, index, text.c_str(), -1, SQLITE_TRANSIENT);
    return *this;
  }
  Statement& bind(int index, std::uint64_t number) {
    sqlite3_bind_int64(statement_, index, static_cast<sqlite3_int64>(number));
    return *this;
  }
  bool row() { return sqlite3_step(statement_) == SQLITE_ROW; }
  bool done() { return sqlite3_step(statement_) == SQLITE_DONE; }
  [[nodiscard]] std::string text(int column) const {
    const unsigned char* value = sqlite3_column_text(statement_, column);
    return value == nullptr ? "" : reinterpret_cast<const char*>(value);
  }
  [[nodiscard]] std::uint64_t number(int column) const {
    return static_cast<std::uint64_t>(sqlite3_column_int64(statement_, column));
  }
  [[nodiscard]] bool is_null(int column) const { return sqlite3_column_type(statement_, column) == SQLITE_NULL; }

 private:
  sqlite3_stmt* statement_ = nullptr;
};

std::string key_of(const dry_run::DryRunRequest& request, const std::string& files) {
  const engine::EngineVersion engine = engine::engine_version();
  return fmt::format("{}|{}|{}|{}|{}|{}", version(), engine.llama, engine.ggml, engine::engine_build(), files,
                     dry_run::dry_run_key(request).dump());
}

// Which model it is, as far as what it takes depends on it: a part of a measurement's key.
std::string shape_of(const engine::ModelFacts& model) {
  return fmt::format("|{} {} layers {} embd {} vocab {} params|", model.architecture, model.n_layer, model.n_embd,
                     model.n_vocab, model.n_params);
}

// The file of the model that a dry run's key is about.
std::string model_of_key(const std::string& key) {
  const auto json = nlohmann::ordered_json::parse(key.substr(std::min(key.size(), key.find('{'))), nullptr, false);
  if (!json.is_object() || !json.contains("model") || !json["model"].contains("path")) return "";
  engine::ModelParams model;
  options::row_of<engine::ModelParams>("path").from_json(model, json["model"]["path"]);
  return model.path;
}

bool is_model(const std::string& path, const std::string& asked) {
  const std::filesystem::path file(path);
  std::error_code error;
  return path == asked || file.stem() == asked ||
         std::filesystem::weakly_canonical(path, error) == std::filesystem::weakly_canonical(asked, error);
}

}  // namespace

std::string device_key(const dry_run::DeviceView& device) {
  const engine::EngineVersion engine = engine::engine_version();
  return fmt::format("{}|{}|driver {}|llama {}|ggml {}|build {}", device.info.id.name(), device.info.description,
                     device::driver_version(device.info), engine.llama, engine.ggml, engine::engine_build());
}

namespace {

Bytes bytes_of(memory::Stage stage, const std::vector<dry_run::BufferEntry>& entries,
               const std::optional<device::DeviceId>& device = {}) {
  Bytes sum;
  for (const dry_run::BufferEntry& entry : entries) {
    if (entry.stage == stage && (!device || entry.device == *device)) sum += entry.bytes;
  }
  return sum;
}

// What brings kernels of its own, where it is there.
std::string extras_of(const dry_run::DryRun& dry_run, const device::DeviceId& device) {
  std::string out;
  const auto add = [&](const char* what, Bytes bytes) {  // what it takes stands for which one it is
    if (bytes > Bytes{}) out += fmt::format(" {} {}", what, bytes.value());
  };
  add("projector", bytes_of(memory::Stage::projector, dry_run.entries));
  add("adapters", bytes_of(memory::Stage::adapter, dry_run.entries));
  const Bytes cache = bytes_of(memory::Stage::kv_cache, dry_run.entries);
  if (cache > Bytes{} && bytes_of(memory::Stage::kv_cache, dry_run.entries, device) == Bytes{})
    out += " cache elsewhere";
  if (dry_run.shift_takes_more) out += " movable";
  if (dry_run.context.pooling != engine::Pooling::none)
    out += fmt::format(" pooling {}", engine::to_string(dry_run.context.pooling));
  return out;
}

}  // namespace

std::string runtime_key(const dry_run::DeviceView& device, const dry_run::DryRun& dry_run) {
  const engine::ContextFacts& context = dry_run.context;
  // The weights there: their types and the split show in it.
  const Bytes weights = bytes_of(memory::Stage::weights, dry_run.entries, device.info.id);
  return fmt::format(
             "{}{}weights {}|ctx {} batch {} ubatch {} seq {} outputs {} k {} v {} fa {} unified {} swa {} ngl {}",
             device_key(device), shape_of(dry_run.model), weights.value(), context.n_ctx, context.n_batch,
             context.n_ubatch, context.n_seq_max, dry_run.outputs, engine::to_string(context.type_k),
             engine::to_string(context.type_v), context.flash_attn, context.kv_unified, context.swa_full,
             dry_run.gpu_layers) +
         extras_of(dry_run, device.info.id);
}

std::string cache_folder() {
  if (const char* folder = std::getenv("XDG_CACHE_HOME"); folder != nullptr && *folder != '\0')
    return std::string(folder) + "/plimsoll";
  if (const char* home = std::getenv("HOME"); home != nullptr && *home != '\0')
    return std::string(home) + "/.cache/plimsoll";
  return {};
}

Store::Store(const std::string& path) : path_(path) {
  if (path_.empty()) {
    const std::string folder = cache_folder();
    if (folder.empty()) return;
    path_ = folder + "/plimsoll.db";
  }
  open();
}

void Store::open() {
  std::error_code error;
  std::filesystem::create_directories(std::filesystem::path(path_).parent_path(), error);
  sqlite3* database = nullptr;
  const int opened = sqlite3_open_v2(path_.c_str(), &database, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, nullptr);
  database_ = database;
  if (opened != SQLITE_OK) return give_up(database == nullptr ? "out of memory" : sqlite3_errmsg(database));
  sqlite3_busy_timeout(database, kBusyMilliseconds);
  // Disk syncs can take longer than a small dry run. While a new file is laid out there is nothing to lose; afterwards
  // the log needs none until it is long, and it is not brought home at every end.
  sqlite3_db_config(database, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
  sqlite3_exec(database, "PRAGMA synchronous = OFF; PRAGMA journal_mode = WAL;", nullptr, nullptr, nullptr);
  lay_out();
  if (usable()) sqlite3_exec(database, "PRAGMA synchronous = NORMAL;", nullptr, nullptr, nullptr);
}

// Programs that start at once look again once they are alone.
void Store::lay_out() {
  auto* const database = static_cast<sqlite3*>(database_);
  const auto meaning = [&] {
    Statement statement(database, "PRAGMA user_version");
    return statement.row() ? static_cast<int>(statement.number(0)) : 0;
  };
  const auto run = [&](const char* sql) { return sqlite3_exec(database, sql, nullptr, nullptr, nullptr) == SQLITE_OK; };
  if (meaning() >= kMeaning) return;
  if (!run("BEGIN IMMEDIATE")) return give_up(sqlite3_errmsg(database));
  if (!run(kSchema) || (meaning() < kMeaning && !run(kFromEarlier)) || !run("COMMIT"))
    return give_up(sqlite3_errmsg(database));
}

void Store::give_up(const char* why) {
  log::info("plan", "nothing can be remembered in {}: {}", path_, why);
  sqlite3_close(static_cast<sqlite3*>(database_));
  database_ = nullptr;
}

Store::~Store() { sqlite3_close(static_cast<sqlite3*>(database_)); }

std::optional<Store::Remembered> Store::find_dry_run(const dry_run::DryRunRequest& request, const std::string& files) {
  if (!usable()) return std::nullopt;
  Statement statement(static_cast<sqlite3*>(database_), "SELECT value FROM dry_run WHERE key = ?");
  if (!statement.bind(1, key_of(request, files)).row()) return std::nullopt;
  try {
    const auto json = nlohmann::ordered_json::parse(statement.text(0));
    return Remembered{.dry_run = dry_run::dry_run_from_json(json.at("dry_run")), .devices = json.at("devices")};
  } catch (const std::exception& error) {  // written by a version that thought otherwise: ask again
    log::debug("plan", "a remembered dry run could not be read: {}", error.what());
    return std::nullopt;
  }
}

void Store::keep_dry_run(const dry_run::DryRunRequest& request, const std::string& files,
                         const dry_run::DryRun& dry_run, const std::vector<std::string>& devices) {
  if (!usable()) return;
  const nlohmann::ordered_json json{{"dry_run", dry_run::to_json(dry_run)}, {"devices", devices}};
  Statement statement(static_cast<sqlite3*>(database_), "INSERT OR REPLACE INTO dry_run (key, value) VALUES (?, ?)");
  if (!statement.bind(1, key_of(request, files)).bind(2, json.dump()).done()) {
    log::debug("plan", "a dry run could not be remembered: {}", sqlite3_errmsg(static_cast<sqlite3*>(database_)));
  }
}

std::optional<Bytes> Store::find_runtime(const std::string& key) { return figure_of(measurements(key)); }

std::vector<Measurement> Store::measurements(const std::string& key) {
  std::vector<Measurement> out;
  if (!usable()) return out;
  Statement statement(static_cast<sqlite3*>(database_),
                      "SELECT bytes, cache, at FROM measurement WHERE key = ? ORDER BY id");
  statement.bind(1, key);
  while (statement.row()) {
    const auto cache = pipeline_cache_from_string(statement.text(1));
    if (cache) out.push_back({.bytes = Bytes{statement.number(0)}, .cache = *cache, .at = statement.text(2)});
  }
  return out;
}

void Store::keep_runtime(const std::string& key, PipelineCache cache, Bytes bytes) {
  if (!usable()) return;
  auto* const database = static_cast<sqlite3*>(database_);
  Statement keep(database, "INSERT INTO measurement (key, cache, bytes) VALUES (?, ?, ?)");
  if (!keep.bind(1, key).bind(2, std::string(to_string(cache))).bind(3, bytes.value()).done()) {
    log::debug("plan", "a measurement could not be remembered: {}", sqlite3_errmsg(database));
    return;
  }
  Statement drop(database,
                 "DELETE FROM measurement WHERE key = ?1 AND id NOT IN "
                 "(SELECT id FROM measurement WHERE key = ?1 ORDER BY id DESC LIMIT ?2)");
  (void)drop.bind(1, key).bind(2, kMeasurementsKept).done();
}

void Store::forget_everything() {
  if (usable())
    sqlite3_exec(static_cast<sqlite3*>(database_), "DELETE FROM dry_run; DELETE FROM measurement;", nullptr, nullptr,
                 nullptr);
}

std::size_t Store::forget_measurements(const std::string& condition, const std::string& text) {
  auto* const database = static_cast<sqlite3*>(database_);
  Statement statement(database, ("DELETE FROM measurement WHERE " + condition).c_str());
  return statement.bind(1, text).done() ? static_cast<std::size_t>(sqlite3_changes(database)) : 0;
}

std::size_t Store::forget_device(const std::string& name) {
  return usable() ? forget_measurements("instr(key, ?1 || '|') = 1", name) : 0;
}

std::size_t Store::forget_model(const std::string& file) {
  if (!usable()) return 0;
  auto* const database = static_cast<sqlite3*>(database_);
  std::vector<std::string> dry_runs;
  std::set<std::string> shapes;
  Statement all(database, "SELECT key, value FROM dry_run");
  while (all.row()) {
    if (!is_model(model_of_key(all.text(0)), file)) continue;
    dry_runs.push_back(all.text(0));
    try {
      const auto value = nlohmann::ordered_json::parse(all.text(1));
      shapes.insert(shape_of(dry_run::dry_run_from_json(value.at("dry_run")).model));
    } catch (const std::exception&) {  // written by a version that thought otherwise: it goes, too
    }
  }
  std::size_t gone = dry_runs.size();
  for (const std::string& key : dry_runs) {
    Statement statement(database, "DELETE FROM dry_run WHERE key = ?");
    (void)statement.bind(1, key).done();
  }
  for (const std::string& shape : shapes) gone += forget_measurements("instr(key, ?1) > 0", shape);
  return gone;
}

}  // namespace plimsoll::plan
