#include "engine/chat_form.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <llama.h>

#include <algorithm>
#include <cstdint>

#include <plimsoll/base/error.hpp>
#include "engine/marked_contents.hpp"

namespace plimsoll::engine {
namespace {

using Json = nlohmann::ordered_json;

// What a model that carries no template of its own gets: the most widely trained form.
constexpr const char* kChatMl =
    "{%- for message in messages -%}{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>\\n' "
    "}}"
    "{%- endfor -%}{%- if add_generation_prompt -%}{{ '<|im_start|>assistant\\n' }}{%- endif -%}";

class JinjaForm final : public ChatForm {
 public:
  explicit JinjaForm(const std::string& source) : template_(source) {}
  [[nodiscard]] jinja::MarkedText render(const Json& values, const jinja::RenderOptions& options) const override {
    return template_.render(values, options);
  }
  [[nodiscard]] bool mentions(std::string_view variable) const override { return template_.mentions(variable); }

 private:
  jinja::Template template_;
};

// It takes roles and texts, and nothing else.
class BuiltInForm final : public ChatForm {
 public:
  explicit BuiltInForm(std::string name) : name_(std::move(name)) {}

  [[nodiscard]] jinja::MarkedText render(const Json& values, const jinja::RenderOptions&) const override {
    std::vector<std::string> roles;
    std::vector<std::string> contents;
    for (const Json& message : values.at("messages")) {
      const Json content = message.value("content", Json(""));
      if (!content.is_string() && !content.is_null())
        throw Error(ErrorCode::usage, fmt::format("the template '{}' takes text alone", name_));
      roles.push_back(message.at("role").get<std::string>());
      contents.push_back(content.is_null() ? "" : content.get<std::string>());
    }
    const bool answer = values.value("add_generation_prompt", false);
    return with_contents_marked([&](const std::vector<std::string>& texts) { return written(roles, texts, answer); },
                                contents);
  }
  [[nodiscard]] bool mentions(std::string_view variable) const override {
    return variable == "messages" || variable == "add_generation_prompt";
  }

 private:
  [[nodiscard]] std::string written(const std::vector<std::string>& roles, const std::vector<std::string>& contents,
                                    bool answer) const {
    std::vector<llama_chat_message> messages;
    for (std::size_t i = 0; i < roles.size(); ++i)
      messages.push_back({.role = roles[i].c_str(), .content = contents[i].c_str()});
    std::string out;
    for (std::int32_t size = 4096;;) {
      out.resize(static_cast<std::size_t>(size));
      const std::int32_t wanted =
          llama_chat_apply_template(name_.c_str(), messages.data(), messages.size(), answer, out.data(), size);
      if (wanted < 0) throw Error(ErrorCode::usage, fmt::format("the template '{}' refuses these messages", name_));
      if (wanted <= size) {
        out.resize(static_cast<std::size_t>(wanted));
        return out;
      }
      size = wanted;
    }
  }

  std::string name_;
};

}  // namespace

std::vector<std::string> built_in_templates() {
  const std::int32_t count = llama_chat_builtin_templates(nullptr, 0);
  std::vector<const char*> names(static_cast<std::size_t>(std::max(count, 0)));
  (void)llama_chat_builtin_templates(names.data(), names.size());
  return {names.begin(), names.end()};
}

std::unique_ptr<const ChatForm> ChatForm::of_jinja(const std::string& source) {
  return std::make_unique<JinjaForm>(source);
}

std::unique_ptr<const ChatForm> ChatForm::of_file(const std::optional<std::string>& source) {
  return of_jinja(source.value_or(kChatMl));
}

std::unique_ptr<const ChatForm> ChatForm::chosen(const std::string& choice) {
  if (choice.contains("{{") || choice.contains("{%") || choice.contains("{#")) return of_jinja(choice);
  const std::vector<std::string> names = built_in_templates();
  if (std::ranges::contains(names, choice)) return std::make_unique<BuiltInForm>(choice);
  throw Error(ErrorCode::usage,
              fmt::format("'{}' is neither Jinja text nor the name of a built-in template; there are {}",
                          choice.size() > 60 ? choice.substr(0, 60) + "..." : choice, fmt::join(names, ", ")));
}

}  // namespace plimsoll::engine
