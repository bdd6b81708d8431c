#include "quantize_log.hpp"

#include <cstdlib>
#include <regex>

namespace plimsoll::quantize {
namespace {

constexpr std::string_view kFailed = "failed to quantize: ";

// "[  13/  64] blk.0.attn_q.weight - [ 256, 256, 1, 1], type = f32, converting to q4_K .. size = ...", and in a dry run
// "..., type = f32, size = 0.25 MiB -> 0.04 MiB (q4_K)". A tensor that stays what it is names one type.
const std::regex& tensor_line() {
  static const std::regex kLine(
      R"(^\[ *(\d+)/ *(\d+)\] +(\S+) +- \[ *(\d+), *(\d+), *(\d+), *(\d+)[^\]]*\], type = +(\S+),(.*))");
  return kLine;
}

std::string new_type(const std::string& rest, const std::string& old) {
  static const std::regex kConverted(R"(converting to (\S+))");
  static const std::regex kExpected(R"(-> .*\((\S+)\))");
  std::smatch found;
  if (std::regex_search(rest, found, kConverted) || std::regex_search(rest, found, kExpected)) return found[1];
  return old;
}

}  // namespace

void QuantizeLog::hear(ggml_log_level, std::string_view text) {
  pending_ += text;
  for (std::size_t end; (end = pending_.find('\n')) != std::string::npos; pending_.erase(0, end + 1)) {
    line(std::string_view(pending_).substr(0, end));
  }
}

void QuantizeLog::callback(ggml_log_level level, const char* text, void* log) noexcept {
  auto& self = *static_cast<QuantizeLog*>(log);
  if (self.thrown_) return;
  try {
    self.hear(level, text);
  } catch (...) {
    self.thrown_ = std::current_exception();
  }
}

void QuantizeLog::rethrow() const {
  if (thrown_) std::rethrow_exception(thrown_);
}

void QuantizeLog::line(std::string_view text) {
  // It may stand behind the beginning of a tensor's line, which then never ends.
  if (const std::size_t at = text.find(kFailed); at != std::string_view::npos)
    failure_ = text.substr(at + kFailed.size());
  if (text.starts_with('[')) return tensor(text);
  if (text.contains("will require an imatrix")) result_.requires_imatrix = true;
  if (const std::size_t at = text.find("WARNING: "); text.contains("required fallback quantization")) {
    result_.fallbacks = std::strtoul(std::string(text.substr(at + 9)).c_str(), nullptr, 10);
  }
}

void QuantizeLog::tensor(std::string_view text) {
  const std::string whole(text);
  std::smatch found;
  if (!std::regex_match(whole, found, tensor_line())) return;
  const auto size = [&](const std::string& name) -> std::uint64_t {
    const auto type = tensor_type_from_string(name);
    std::uint64_t rows = 1;
    for (const std::size_t i : {5U, 6U, 7U}) rows *= std::stoull(found[i]);
    return type ? ggml_row_size(*type, std::stoll(found[4])) * rows : 0;
  };
  result_.before += Bytes{size(found[8])};
  result_.after += Bytes{size(new_type(found[9], found[8]))};
  ++result_.tensors;
  progress_({.done = std::stoul(found[1]), .of = std::stoul(found[2]), .tensor = found[3]});
}

}  // namespace plimsoll::quantize
