// table_reader: a table of a TOML file, key by key, with everything that is wrong told by its place.
#pragma once
#include <fmt/format.h>

#include <toml++/toml.hpp>

#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <optional>
#include <string>

#include <plimsoll/base/bytes.hpp>
#include <plimsoll/base/error.hpp>
#include "options/option.hpp"

#include "config_reader.hpp"

namespace plimsoll::host {

// Of a text that is a size.
inline void set_bytes(const char* key, Bytes& target, const std::string& value) {
  const auto parsed = parse_bytes(value);
  if (!parsed) throw Error(ErrorCode::usage, fmt::format("'{}': {}", key, parsed.error()));
  target = *parsed;
}

// Reads one table: each key goes to its setter; an unknown key and a value of another kind are complaints.
class TableReader {
 public:
  using Setter = std::function<void(const toml::node&)>;

  // `where`: "a model"; may go on with what is known: "a fleet; known are ...".
  TableReader(Complaints& complaints, std::string where) : complaints_(complaints), where_(std::move(where)) {}

  void text(const char* key, std::function<void(const std::string&)> set, const char* wanted = "a text") {
    setters_[key] = [this, key, wanted, set = std::move(set)](const toml::node& node) {
      if (const auto value = text_of(node, key, wanted)) guarded(node, [&] { set(*value); });
    };
  }
  // A text that may be written as a number, too.
  void text_or_number(const char* key, std::function<void(const std::string&)> set) {
    text(key, set);
    setters_[key] = [this, set, as_text = setters_[key]](const toml::node& node) {
      const auto value = node.value_exact<std::int64_t>();
      value ? guarded(node, [&] { set(std::to_string(*value)); }) : as_text(node);
    };
  }
  void flag(const char* key, bool& target) {
    setters_[key] = [this, key, &target](const toml::node& node) {
      const auto value = node.value_exact<bool>();
      value ? void(target = *value) : wrong_kind(node, key, "true or false");
    };
  }
  template <class Integer>
  void number(const char* key, Integer& target, std::int64_t least,
              std::int64_t most = std::numeric_limits<std::int32_t>::max()) {
    setters_[key] = [this, key, &target, least, most](const toml::node& node) {
      const auto value = node.value_exact<std::int64_t>();
      if (!value) return wrong_kind(node, key, "a whole number");
      if (*value < least || *value > most)
        return complaints_.at(node.source(), fmt::format("'{}' is {}, and must be {} to {}", key, *value, least, most));
      target = static_cast<Integer>(*value);
    };
  }
  void real(const char* key, float& target) {
    setters_[key] = [this, key, &target](const toml::node& node) {
      const auto value = node.value<double>();
      value&& node.is_number() ? void(target = static_cast<float>(*value)) : wrong_kind(node, key, "a number");
    };
  }
  void real(const char* key, std::function<void(const std::string&)> set) {
    setters_[key] = [this, key, set = std::move(set)](const toml::node& node) {
      const auto value = node.value<double>();
      value&& node.is_number() ? guarded(node, [&] { set(fmt::format("{}", *value)); })
                               : wrong_kind(node, key, "a number");
    };
  }
  // Any of an option's kinds, handed on as the text that the command line has for it.
  void option(const options::Option& option, std::function<void(const std::string&)> set) {
    const char* const key = option.key.c_str();  // the table's
    switch (option.kind) {
      case options::Kind::text:
        return text(key, std::move(set));
      case options::Kind::number_or_text:
        return text_or_number(key, std::move(set));
      case options::Kind::list:
        return texts(key, std::move(set));
      case options::Kind::number:
        return typed<std::int64_t>(key, "a whole number", std::move(set));
      case options::Kind::real:
        return real(key, std::move(set));
      case options::Kind::flag:
        return typed<bool>(key, "true or false", std::move(set));
    }
  }
  void texts(const char* key, std::function<void(const std::string&)> add, const char* wanted = "a list of texts") {
    setters_[key] = [this, key, wanted, add = std::move(add)](const toml::node& node) {
      const toml::array* array = node.as_array();
      if (array == nullptr) return wrong_kind(node, key, wanted);
      for (const toml::node& element : *array) {
        if (const auto value = text_of(element, key, wanted)) guarded(element, [&] { add(*value); });
      }
    };
  }

  void table(const char* key, std::function<void(const toml::table&)> read) {
    setters_[key] = [this, key, read = std::move(read)](const toml::node& node) {
      const toml::table* const inner = node.as_table();
      inner != nullptr ? guarded(node, [&] { read(*inner); }) : wrong_kind(node, key, "a table");
    };
  }
  // `header`: how each begins, "[[model.preset]]".
  void tables(const char* key, const char* header, std::function<void(const toml::table&)> add) {
    setters_[key] = [this, key, header, add = std::move(add)](const toml::node& node) {
      const toml::array* const array = node.as_array();
      if (array == nullptr || !array->is_array_of_tables())
        return complaints_.at(node.source(), fmt::format("each '{}' is written as {}", key, header));
      for (const toml::node& element : *array) guarded(element, [&] { add(*element.as_table()); });
    };
  }

  // Somebody else reads it.
  void elsewhere(const std::string& key) {
    setters_[key] = [](const toml::node&) {};
  }

  void read(const toml::table& table) {
    for (const auto& [key, node] : table) {
      if (!setters_.contains(std::string(key.str())))
        complaints_.at(key.source(), fmt::format("unknown key '{}' of {}", key.str(), where_));
    }
    read_known(table);
  }
  // Other keys are somebody else's.
  void read_known(const toml::table& table) {
    for (const auto& [key, node] : table) {
      if (const auto found = setters_.find(std::string(key.str())); found != setters_.end()) found->second(node);
    }
  }

 private:
  template <class Value>
  void typed(const char* key, const char* wanted, std::function<void(const std::string&)> set) {
    setters_[key] = [this, key, wanted, set = std::move(set)](const toml::node& node) {
      const auto value = node.value_exact<Value>();
      value ? guarded(node, [&] { set(fmt::format("{}", *value)); }) : wrong_kind(node, key, wanted);
    };
  }
  void wrong_kind(const toml::node& node, const char* key, const char* wanted) {
    complaints_.at(node.source(), fmt::format("'{}' takes {}", key, wanted));
  }
  // None: it is no text, or one that the system would read to its NUL alone, and take another file. It was told.
  std::optional<std::string> text_of(const toml::node& node, const char* key, const char* wanted) {
    auto value = node.value_exact<std::string>();
    if (!value) {
      wrong_kind(node, key, wanted);
    } else if (value->contains('\0')) {
      complaints_.at(node.source(), fmt::format("'{}' has a NUL character in it", key));
      value.reset();
    }
    return value;
  }
  template <class Set>
  void guarded(const toml::node& node, Set&& set) {
    try {
      set();
    } catch (const Error& error) {
      complaints_.at(node.source(), error.what());
    }
  }
  Complaints& complaints_;
  std::string where_;
  std::map<std::string, Setter> setters_;
};

}  // namespace plimsoll::host
