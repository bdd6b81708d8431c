// Addresses of model files that lie on other machines: https://HOST/PATH, and hf:OWNER/REPO[:FILE] in a hub of models.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace plimsoll::remote {

// Whether it is one of them, by its beginning: "http://", "https://", "hf:".
[[nodiscard]] bool is_remote(std::string_view text) noexcept;

// The hub that "hf:" means, and who asks it.
struct Hub {
  std::string endpoint = "https://huggingface.co";
  std::string token{};  // sent to the endpoint's host alone; empty: none
  friend bool operator==(const Hub&, const Hub&) = default;
};
// HF_ENDPOINT and HF_TOKEN, as the hub's own tools read them. Throws Error{usage} where the endpoint is no address.
[[nodiscard]] Hub hub_of_environment();

// "hf:OWNER/REPO[@REVISION][:FILE]". FILE is a path in the repository, or a type of weights as file names carry it
// ("Q4_K_M"); empty: all of its models.
struct HubName {
  std::string repository;
  std::string revision = "main";
  std::string file{};
  friend bool operator==(const HubName&, const HubName&) = default;
};
// Nothing where it does not begin with "hf:". Throws Error{usage} where it is not a name after that.
[[nodiscard]] std::optional<HubName> hub_name(std::string_view text);

// Where the hub has a file, and where it lists a repository's.
[[nodiscard]] std::string url_of(const Hub& hub, const HubName& name, std::string_view file);
[[nodiscard]] std::string listing_url(const Hub& hub, const HubName& name);

// The last part of the address's path, without what a file system cannot hold: "model.gguf".
[[nodiscard]] std::string file_name_of(std::string_view url);
// "https://host:port" in small letters; empty where it is not an address.
[[nodiscard]] std::string origin_of(std::string_view url);
// The addresses of all files of a split model, of which this names the first; else the one.
[[nodiscard]] std::vector<std::string> split_urls(const std::string& url);

}  // namespace plimsoll::remote
