#include "quantize/quantize.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <regex>

#include <plimsoll/base/error.hpp>
#include "base/whole_file.hpp"
#include "engine/engine_process.hpp"
#include "engine/gguf_header.hpp"

#include "quantize_json.hpp"

namespace plimsoll::quantize {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

constexpr std::size_t kLongestText = 127;  // the engine's structs have 128 bytes

[[noreturn]] void usage(const std::string& message) { throw Error(ErrorCode::usage, message); }

void validate(const Request& request) {
  if (request.input.empty()) usage("no model was named");
  if (request.n_threads < 0) usage("the number of threads cannot be negative");
  for (const TensorTypeOverride& override : request.tensor_types) {
    try {
      const std::regex check(override.pattern);
    } catch (const std::regex_error&) {
      usage(fmt::format("'{}' is not a regular expression", override.pattern));
    }
  }
  for (const std::int32_t layer : request.prune_layers) {
    if (layer < 0) usage(fmt::format("{} is not a layer", layer));
  }
  for (const MetadataOverride& entry : request.metadata) {
    const auto* text = std::get_if<std::string>(&entry.value);
    if (entry.key.empty() || entry.key.size() > kLongestText || (text != nullptr && text->size() > kLongestText))
      usage(fmt::format("the metadata '{}' is empty or longer than {} bytes", entry.key, kLongestText));
  }
  if (!request.imatrix.empty() && !fs::exists(request.imatrix))
    usage(fmt::format("there is no file '{}'", request.imatrix));
  if (request.dry_run) return;
  if (request.output.empty()) usage("no name was given for the new file");
}

std::size_t files_of(const engine::GgufHeader& header) {
  std::uint32_t last = 0;
  for (const auto& [name, place] : header.tensors) last = std::max(last, place.file);
  return last + 1;
}

// "MODEL-00001-of-00003.gguf" and its sisters.
std::vector<std::string> parts_of(const std::string& first, std::size_t files) {
  const std::string ending = fmt::format("-{:05}-of-{:05}.gguf", 1, files);
  std::vector<std::string> parts{first};
  if (!first.ends_with(ending)) return parts;
  const std::string beginning = first.substr(0, first.size() - ending.size());
  for (std::size_t i = 2; i <= files; ++i) parts.push_back(fmt::format("{}-{:05}-of-{:05}.gguf", beginning, i, files));
  return parts;
}

// Where the engine writes, and what becomes of it: each unfinished file is renamed once all of them are whole.
class Target {
 public:
  Target(const Request& request, std::size_t files, bool overwrite)
      : overwrite_(overwrite), input_(parts_of(request.input, files)) {
    if (request.dry_run) return;
    std::string beginning = request.output;
    if (request.keep_split && beginning.ends_with(".gguf")) beginning.resize(beginning.size() - 5);
    wanted_ = beginning;
    unfinished_ = unfinished_name(beginning);
    if (!request.keep_split) check_free(request.output);
    for (std::size_t i = 1; i <= files && request.keep_split; ++i)
      check_free(fmt::format("{}-{:05}-of-{:05}.gguf", beginning, i, files));
  }
  ~Target() {
    try {
      std::error_code error;
      for (const auto& [unfinished, wanted] : written()) fs::remove(unfinished, error);
    } catch (...) {  // a folder that cannot be read any more keeps what is in it
    }
  }
  Target(const Target&) = delete;
  Target& operator=(const Target&) = delete;

  [[nodiscard]] const std::string& unfinished() const noexcept { return unfinished_; }

  std::vector<std::string> finish() {
    const auto files = written();
    if (files.empty()) throw Error(ErrorCode::engine_failed, "the engine wrote no file");
    for (const auto& [unfinished, wanted] : files) {
      check_free(wanted);
      sync(unfinished);
    }
    std::vector<std::string> names;
    for (const auto& [unfinished, wanted] : files) {
      if (rename(unfinished.c_str(), wanted.c_str()) != 0) cannot_write(wanted);
      names.push_back(wanted);
    }
    sync_folder_of(wanted_);
    return names;
  }

 private:
  [[noreturn]] static void cannot_write(const std::string& path) {
    throw Error(ErrorCode::io, fmt::format("'{}' could not be written: {}", path, std::strerror(errno)));
  }

  static void sync(const std::string& path) {
    const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (file < 0) cannot_write(path);
    const bool ok = fsync(file) == 0;
    ::close(file);
    if (!ok) cannot_write(path);
  }

  void check_free(const std::string& path) const {
    std::error_code error;
    for (const std::string& part : input_) {
      if (fs::equivalent(path, part, error)) usage(fmt::format("'{}' is the input itself", path));
    }
    if (!fs::exists(path, error)) return;
    if (!fs::is_regular_file(path, error)) usage(fmt::format("'{}' exists and is not a regular file", path));
    if (!overwrite_) usage(fmt::format("'{}' is there already (--force replaces it)", path));
  }

  // The whole file, or the engine's parts of it ("NAME-00001-of-00003.gguf"), each with the name it is to have.
  [[nodiscard]] std::vector<std::pair<std::string, std::string>> written() const {
    std::vector<std::pair<std::string, std::string>> files;
    if (unfinished_.empty()) return files;
    const fs::path beginning = unfinished_;
    const std::string name = beginning.filename();
    std::error_code error;
    for (const auto& entry :
         fs::directory_iterator(beginning.has_parent_path() ? beginning.parent_path() : ".", error)) {
      const std::string found = entry.path().filename();
      if (!found.starts_with(name)) continue;
      files.emplace_back((beginning.parent_path() / found).string(), wanted_ + found.substr(name.size()));
    }
    std::ranges::sort(files);
    return files;
  }

  bool overwrite_;
  std::vector<std::string> input_;
  std::string wanted_;
  std::string unfinished_;
};

Result run_child(const Request& request, const Options& options) {
  const auto child = engine::start_engine_process(options.helper, serve);
  child->write_line(to_json(request).dump(-1, ' ', false, Json::error_handler_t::replace));
  for (;;) {
    const auto line = child->read_line(options.stop);
    if (!line) {
      throw Error(ErrorCode::model_unusable,
                  fmt::format("'{}' cannot be quantized: {}", request.input, engine::why_engine_ended(*child)));
    }
    const Json said = Json::parse(*line);
    if (said.contains("progress")) {
      const Json& at = said.at("progress");
      if (options.progress) options.progress({.done = at.at(0), .of = at.at(1), .tensor = at.at(2)});
    } else if (said.contains("error")) {
      const Json& error = said.at("error");
      throw Error(static_cast<ErrorCode>(error.at("code").get<int>()), error.at("message").get<std::string>());
    } else {
      return result_from_json(said.at("result"));
    }
  }
}

}  // namespace

Result quantize(const Request& request, const Options& options) {
  validate(request);
  const engine::GgufHeader header =
      engine::read_gguf_header(request.input);  // most damaged files end here, in a sentence of our own
  if (options.stop.stop_requested()) throw Error(ErrorCode::cancelled, "cancelled");
  Target target(request, files_of(header), options.overwrite);
  Request asked = request;
  asked.output = target.unfinished();
  Result result = run_child(asked, options);
  if (!request.dry_run) result.files = target.finish();
  return result;
}

}  // namespace plimsoll::quantize
