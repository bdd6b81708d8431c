// Template: a chat template in Jinja's language, rendered as Python's Jinja2 does where transformers sets it up:
// trim_blocks, lstrip_blocks, break and continue, `{% generation %}`, tojson, raise_exception, strftime_now, and the
// rules of ImmutableSandboxedEnvironment. What needs further templates (include, import, extends) is refused.
#pragma once
#include <chrono>
#include <cstddef>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

#include "jinja/marked_text.hpp"

namespace plimsoll::jinja {

// What one rendering may take. Whichever is reached ends it with Error{usage}.
struct Limits {
  std::size_t steps = 10'000'000;               // nodes evaluated, and 64 bytes read or written for one; about 0.3 s
  std::size_t memory = std::size_t{256} << 20;  // bytes of values and unfinished text held at a time
  std::size_t output = std::size_t{64} << 20;   // bytes of the text
  std::size_t depth = 200;                      // macros in macros, loops in loops, lists in lists
};

struct RenderOptions {
  Limits limits{};
  // Texts among the values that are as good as the template's own: of these variables, and of members of objects where
  // `owns` says so. Any other came in.
  std::vector<std::string_view> own_variables{};
  bool (*owns)(std::string_view member, std::string_view text) = nullptr;
  std::stop_token stop{};  // a rendering that is asked to stop throws Error{cancelled}
  std::chrono::system_clock::time_point now = std::chrono::system_clock::now();  // of strftime_now, in local time
};

class Template {
 public:
  // Throws Error{usage}, "line 3: ...", where the source does not parse.
  explicit Template(std::string_view source);
  ~Template();
  Template(Template&&) noexcept;
  Template& operator=(Template&&) noexcept;

  // `values`: an object; its members are the template's variables. Throws Error{usage} where the template refuses them.
  // Any thread, and several at a time.
  // What came in with the values is marked in what is rendered, through every filter, method and operator.
  [[nodiscard]] MarkedText render(const nlohmann::ordered_json& values, const RenderOptions& options = {}) const;
  // Whether the template reads or sets a variable of this name anywhere.
  [[nodiscard]] bool mentions(std::string_view variable) const;

 private:
  struct Parsed;
  std::unique_ptr<const Parsed> parsed_;
};

}  // namespace plimsoll::jinja
