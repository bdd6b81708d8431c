// same_upload: a model loaded the engine's way and ours, held against each other.
#pragma once
#include <string>
#include <vector>

#include "run/instance.hpp"
#include "tracker/uploads.hpp"

namespace plimsoll::test {

inline constexpr Bytes kUploadAlways{0};
inline constexpr Bytes kUploadNever{std::uint64_t{1} << 60U};

// Planned and reserved in accounting whose models of that size and more are loaded with tracker::Uploads.
[[nodiscard]] std::unique_ptr<run::Instance> reserved(run::MemoryAccounting& accounting, const plan::Request& request,
                                                      Bytes uploads_from);

struct Loaded {
  std::vector<float> logits;  // after 20 tokens
  run::LedgerSnapshot entries;
  tracker::UploadCounts counts;
  std::vector<std::string> wrong{};  // weights that went our way and are not on the device as they are in the file
  bool has_experts = false;
};
// In accounting of its own. Fails the test where what is held is not what was planned, or staging memory outlives the
// load.
[[nodiscard]] Loaded loaded(const plan::Request& request, Bytes uploads_from);

// Fails the test where a weight on the device is not that of the file, accounting differ, or nothing went our way; and
// where logits differ to the last bit; not those of experts, which are other ones from load to load on llvmpipe,
// whoever loads (2026-11, ggml 0.27.0).
void expect_same_upload(const plan::Request& request);

}  // namespace plimsoll::test
